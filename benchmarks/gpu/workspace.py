"""What is measured, and where it lies: sizes, folders, specs."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from seg.engine.runtimes.nvidia import nvidia

PrecisionName = Literal["fp32", "fp16"]
SceneName = Literal["d4", "hflip", "classes", "large"]

CLASSES_MODEL: Final = "fpn-classes"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A member of the ensemble."""

    name: str
    architecture: str
    encoder: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured.

    Attributes:
        networks: the three members; training is measured on the first two.
        side: of the images and crops.
        drawn: images to train on, to validate on, and to predict.
        images: to predict; the drawn ones under several names.
        batch: of training; an epoch has `drawn[0] // batch` steps.
        epochs: of training.
        loop_batch: images that a loop in PyTorch takes at once.
        timed_s: how long a loop is timed, at least; then it stops, having labelled some of the images.
        classes: of the model with many.
        large_side: of the large image, which is cut into tiles of `side`.
        limits: what each step's limit in seconds is multiplied with.
    """

    networks: tuple[Network, Network, Network]
    side: int
    drawn: tuple[int, int, int]
    images: int
    batch: int
    epochs: int
    loop_batch: int
    timed_s: float
    classes: int
    large_side: int
    limits: float


FULL: Final = Scale(
    networks=(
        Network(name="deeplab-resnext50", architecture="deeplabv3plus", encoder="resnext50_32x4d"),
        Network(name="unet-effnet-b4", architecture="unet", encoder="efficientnet-b4"),
        Network(name="fpn-resnet50", architecture="fpn", encoder="resnet50"),
    ),
    side=512,
    drawn=(96, 8, 48),
    images=288,
    batch=16,
    epochs=10,
    loop_batch=8,
    timed_s=8.0,
    classes=150,
    large_side=10_000,
    limits=1.0,
)
SMALL: Final = Scale(
    networks=(
        Network(name="deeplab-resnet18", architecture="deeplabv3plus", encoder="resnet18"),
        Network(name="unet-effnet-b0", architecture="unet", encoder="efficientnet-b0"),
        Network(name="fpn-resnet18", architecture="fpn", encoder="resnet18"),
    ),
    side=64,
    drawn=(8, 2, 4),
    images=6,
    batch=4,
    epochs=3,
    loop_batch=2,
    timed_s=1.0,
    classes=150,
    large_side=200,
    limits=8.0,
)


@dataclass(frozen=True)
class Workspace:
    """The folder that all steps of a run share."""

    out: Path
    scale: Scale

    @property
    def is_small(self) -> bool:
        return self.scale is SMALL

    @property
    def rows(self) -> Path:
        """What the step that runs has measured so far, a JSON object a line."""
        return self.out / "rows.jsonl"

    @property
    def logs(self) -> Path:
        return self.out / "log"

    @property
    def work(self) -> Path:
        return self.out / "work"

    @property
    def data(self) -> Path:
        return self.work / "data"

    @property
    def large_image(self) -> Path:
        return self.work / "large" / "large.jpg"

    @property
    def predicted(self) -> Path:
        return self.work / "images"

    @property
    def fused(self) -> Path:
        return self.work / "fused.onnx"

    @cached_property
    def device(self) -> Literal["cuda", "cpu"]:
        return "cuda" if nvidia.has_nvidia_device() else "cpu"

    @property
    def all_labels(self) -> Path:
        return self.work / "labels"

    def labels(self, scene: SceneName, contender: str) -> Path:
        return self.all_labels / scene / f"{contender}.npz"

    def spec(self, scene: SceneName, precision: PrecisionName = "fp32", **others: Any) -> Path:
        """Write a scene's spec, in JSON, which is YAML. `others` are keys of the spec, or change some.

        Each precision has a folder of runs of its own, with the same checkpoints.
        """
        members: list[dict[str, Any]] = [
            {"name": one.name, "architecture": one.architecture, "encoder": one.encoder}
            for one in self.scale.networks
        ]
        if scene == "classes":
            members = [{"name": CLASSES_MODEL, "architecture": "fpn", "encoder": members[-1]["encoder"]}]
        document = {
            "data": self._data_of_classes() if scene == "classes" else self._data(scene),
            "recipe": self._recipe(),
            "members": members[-1:] if scene == "large" else members,
            "views": "none" if scene == "large" else "hflip" if scene == "classes" else scene,
            "runtime": self.device,
            "runs": str(self.runs(precision)),
            # Networks that learnt for a minute are in doubt about many pixels.
            "export": {"least_agreement": 0.9, "largest_loss": 10},
            "output": {"file": str(self.work / "submissions" / f"{scene}-{precision}.csv")},
            **({"tile": {"size": self.scale.side}} if scene == "large" else {}),
            **others,
        }
        name = "-".join([scene, precision, *others])
        path = self.work / "specs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return path

    def runs(self, precision: PrecisionName) -> Path:
        return self.work / f"runs-{precision}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the model with many."""
        return tuple(f"class {number}" for number in range(self.scale.classes))

    def _data_of_classes(self) -> dict[str, Any]:
        """The images to predict, for the model with many classes, of which none is drawn."""
        first, *others = self.class_names
        classes = [{"id": number, "name": name} for number, name in enumerate(others, start=1)]
        return {"predict": {"images": str(self.predicted)}, "classes": classes, "unlabelled": first}

    def _data(self, scene: SceneName) -> dict[str, Any]:
        images = self.large_image.parent if scene == "large" else self.predicted
        return {
            "train": {"images": str(self.data), "annotations": str(self.data / "train.json")},
            "val": {"images": str(self.data), "annotations": str(self.data / "val.json")},
            "predict": {"images": str(images)},
            "unlabelled": "Background",
        }

    def _recipe(self) -> dict[str, Any]:
        return {
            "epochs": self.scale.epochs,
            "batch_size": self.scale.batch,
            "crop": self.scale.side,
            "loss": {"cross_entropy": 1, "dice": 1},
            "train_views": "d4",
            "precision": "bf16" if self.device == "cuda" else "fp32",
            "channels_last": True,
        }
