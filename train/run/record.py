"""The record of a run, `run.json`: its recipe, data and versions, and its result."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from seg import __version__
from seg.data import Split
from seg.data.splits.content_hash import hash_of_images
from seg.errors import ModelError
from seg.files.atomic import regular_file, sha256_of
from seg.labels.task import Task
from seg.metrics.own_function import metric_fingerprint
from seg.models.card import InputCard
from seg.spec.ensemble.metric import MIOU, MetricSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.networks.weights.pretrained import is_weights_file

_LIBRARIES: Final = ("torch", "lightning", "segmentation-models-pytorch", "timm", "albumentations")
_WITHOUT_EFFECT: Final = frozenset({"workers"})
_DATA: Final = {
    "classes": "classes than the dataset has now",
    "train_fingerprint": "training labels than the dataset has now",
    "val_fingerprint": "validation labels than the dataset has now",
    "train_images": "training images than the dataset has now",
    "val_images": "validation images than the dataset has now",
}


class TrainingResult(BaseModel):
    """The figures of a finished run.

    `best_iou` is None for a class that is in neither the labels nor the prediction. `seconds` is the time of
    training and validation, resumed runs included. `gflops` is the cost of one forward pass of a crop.
    `averaged_epochs` is the number of last epochs whose weights were averaged; 0 means that the weights are
    those of `best_epoch`.
    """

    model_config = ConfigDict(frozen=True)

    best_epoch: int
    best_miou: float
    metric: str = "mIoU"
    best_score: float | None = None
    best_iou: dict[str, float | None]
    averaged_epochs: int = 0
    parameters: int
    gflops: float | None = None
    seconds: float

    @property
    def score(self) -> float:
        """Of the metric."""
        return self.best_miou if self.best_score is None else self.best_score


class RunRecord(BaseModel):
    """What determines a run's result, the versions and the device it ran on, and the result itself.

    `recipe` is the merged recipe. Encoder weights from a file are identified by the file's content, and so
    are images; a record of an older `seg` has None for images. A soup has the recipe of its best ingredient;
    `ingredients` are the SHA-256 of the averaged checkpoints, by the names of their runs. `teaching` has the
    distillation settings of a student, `pixels` the bands and values of images that are not RGB of 8 bits.
    `metric` judges the epochs, None if it is mIoU.
    """

    model_config = ConfigDict(frozen=True)

    member: str
    recipe: dict[str, Any]
    encoder_weights_sha256: str | None = None
    task: Task = "multiclass"
    classes: list[str]
    train_fingerprint: str
    val_fingerprint: str
    train_images: str | None = None
    val_images: str | None = None
    versions: dict[str, str]
    device: str
    ingredients: dict[str, str] = {}
    teaching: dict[str, Any] | None = None
    pixels: str = ""
    metric: dict[str, Any] | None = None
    result: TrainingResult | None = None


def new_run_record(
    member: str,
    recipe: RecipeSpec,
    train: Split,
    val: Split,
    distillation: dict[str, Any] | None = None,
    metric: MetricSpec = MIOU,
    input_card: InputCard | None = None,
) -> RunRecord:
    """The record of a run that is about to begin; raises ModelError without its encoder weights."""
    return RunRecord(
        member=member,
        recipe=_recipe_as_json(recipe),
        encoder_weights_sha256=_weights_hash(recipe.encoder_weights),
        task=train.task,
        classes=[c.name for c in train.classes],
        train_fingerprint=train.fingerprint,
        val_fingerprint=val.fingerprint,
        train_images=hash_of_images(train.samples),
        val_images=hash_of_images(val.samples),
        versions={"python": platform.python_version(), "seg": __version__}
        | {name: version(name) for name in _LIBRARIES},
        teaching=distillation,
        pixels=_text_of_pixels(input_card),
        metric=None if metric == MIOU else metric_fingerprint(metric),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    )


def read_run_record(path: Path) -> RunRecord | None:
    """Read a `run.json`; None if there is no such file. Raises ModelError if it is malformed."""
    try:
        return RunRecord.model_validate_json(regular_file(path).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ModelError(f"{path}: is not the record of a run: remove its folder to train again") from error


def difference_of_runs(found: RunRecord, wanted: RunRecord) -> str | None:
    """Describe the first difference between the run in a folder and the wanted one; None if they are equal.

    A field that an older `seg` did not know had its default.
    """
    defaults = _recipe_as_json(RecipeSpec())
    for name, value in wanted.recipe.items():
        before = found.recipe.get(name, defaults[name])
        if name not in _WITHOUT_EFFECT and _comparable_setting(name, before) != _comparable_setting(
            name, value
        ):
            return f"was trained with {name} {before!r} and the spec says {value!r}"
    if found.encoder_weights_sha256 not in {None, wanted.encoder_weights_sha256}:
        return f"was trained from other encoder weights than {wanted.recipe['encoder_weights']} now holds"
    return _difference_in_settings(found, wanted) or _difference_of_data(found, wanted)


def _difference_of_data(found: RunRecord, wanted: RunRecord) -> str | None:
    if found.task != wanted.task:
        return f"was trained with task {found.task!r} and the dataset's is {wanted.task!r}"
    if found.pixels != wanted.pixels:
        before, now = found.pixels or "RGB of 8 bits", wanted.pixels or "RGB of 8 bits"
        return f"was trained on {before}, now it is {now}"
    for name, part in _DATA.items():
        if getattr(found, name) not in (None, getattr(wanted, name)):
            return f"was trained with other {part}"
    return None


def _difference_in_settings(found: RunRecord, wanted: RunRecord) -> str | None:
    if found.teaching != wanted.teaching:
        before, now = _distillation_text(found.teaching), _distillation_text(wanted.teaching)
        return f"was trained with {before} and the spec says {now}"
    if found.result is None and found.metric != wanted.metric:
        before, now = ((one.metric or MIOU.model_dump())["name"] for one in (found, wanted))
        return f"judges its epochs by {before} and the spec says {now}"
    return None


def _comparable_setting(name: str, value: Any) -> Any:
    if name == "encoder_weights" and is_weights_file(value):
        return Path(value).name
    return value


def _distillation_text(settings: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (settings or {"no teacher": ""}).items()).strip()


def _text_of_pixels(card: InputCard | None) -> str:
    """The bands and values that the network sees."""
    if card is None or card.pixel_range is None:
        return ""
    return f"{card.pixels} images of {card.bands} bands in {card.pixel_range}"


def _recipe_as_json(recipe: RecipeSpec) -> dict[str, Any]:
    return recipe.model_dump(mode="json")


def _weights_hash(encoder_weights: str | None) -> str | None:
    if encoder_weights is None or not is_weights_file(encoder_weights):
        return None
    try:
        return sha256_of(Path(encoder_weights))
    except OSError as error:
        raise ModelError(f"{encoder_weights}: encoder weights cannot be read: {error.strerror}") from error
