"""Mistakes in how a network is fed are found: the network is right only if it is fed in one way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.images.images import write_image, write_mask
from seg.data.labelling import labelling_of
from seg.export.sources.declaration import Declaration, SourceFacts
from seg.export.sources.feeding.check import check_feeding
from seg.export.sources.resolve import resolve_declaration
from seg.models.card import ModelCard
from seg.spec import DatasetSpec
from tests.export.sources.foreign import member

NAMES = ("sky", "road", "car", "tree")
COLOURS = np.array([(230, 60, 40), (40, 90, 220), (60, 200, 70), (150, 150, 150)], dtype=np.float32)
IMAGENET = {"scale": "1/255", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


class ColourNetwork:
    """A network in plain numpy: a class for each colour, if the image is normalised as ImageNet's, in BGR."""

    path, sha256, kind, architecture, encoder = Path("theirs.pth"), "", "state_dict", "", ""
    half: None = None
    notes: tuple[str, ...] = ()

    def __init__(self, gives: str = "logits", size_hw: tuple[int, int] | None = None) -> None:
        self.facts = SourceFacts(count=len(NAMES), size_hw=size_hw)
        self._gives = gives

    def network(self, _output_name: str | None) -> Any:
        mean, std = (np.array(IMAGENET[key], dtype=np.float32) for key in ("mean", "std"))
        wanted = ((COLOURS[:, ::-1] / 255 - mean) / std)[:, :, None, None]

        def run(batch_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
            logits = -4 * ((batch_nchw[:, None] - wanted) ** 2).sum(2)
            if self._gives == "logits":
                return np.asarray(logits, dtype=np.float32)
            raised = np.exp(logits - logits.max(1, keepdims=True))
            return np.asarray(raised / raised.sum(1, keepdims=True), dtype=np.float32)

        return run

    def write(
        self, _declaration: Declaration, _card: ModelCard, _path: Path, _opset: int | None
    ) -> ModelCard:
        raise AssertionError("is not exported here")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DatasetSpec:
    """Images of coloured stripes with noise, and their labels."""
    folder = tmp_path_factory.mktemp("stripes")
    random = np.random.default_rng(0)
    for number in range(4):
        labels_hw = np.broadcast_to(np.arange(48) // (8 + number) % len(NAMES), (40, 48)).astype(np.uint8)
        noisy = COLOURS[labels_hw] + random.normal(0, 12, (40, 48, 3))
        write_image(folder / f"images/{number}.png", noisy.clip(0, 255).astype(np.uint8))
        write_mask(folder / f"masks/{number}.png", labels_hw)
    split = {"images": folder / "images", "masks": folder / "masks"}
    return DatasetSpec.model_validate({"train": split, "val": split, "classes": list(NAMES)})


def declaration(source: ColourNetwork, data: DatasetSpec, **declared: Any) -> Declaration:
    one = member(Path("theirs.onnx"), **declared)
    return resolve_declaration(one, source.facts, labelling_of(data).classes)


RIGHT = {**IMAGENET, "channels": "bgr"}

MISTAKES = {
    "BGR for RGB": ({"input": IMAGENET}, "channels: bgr"),
    "no division by 255": ({"input": {**RIGHT, "scale": 1}}, "scale: 1/255"),
    "no mean and std": (
        {"input": {"scale": "1/255", "channels": "bgr"}},
        "scale: 1/255, mean and std of ImageNet",
    ),
    "0.5 for ImageNet": (
        {"input": {"scale": "1/255", "mean": 0.5, "std": 0.5, "channels": "bgr"}},
        "scale: 1/255, mean and std of ImageNet",
    ),
    "classes shifted by one": (
        {"input": RIGHT, "output": {"classes": ["road", "car", "tree", "sky"]}},
        "classes shifted by one (road is sky)",
    ),
    "channels against names": (
        {"input": RIGHT, "output": {"classes": ["sky", "car", "road", "tree"]}},
        "classes: car is road, road is car",
    ),
}


@pytest.mark.parametrize(("declared", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_usual_mistake_is_found(data: DatasetSpec, declared: dict[str, Any], expected: str) -> None:
    source = ColourNetwork()
    feeding = check_feeding(source, declaration(source, data, **declared), open_split(data, "val"))
    assert feeding.better is not None
    assert feeding.better.name == expected
    assert feeding.better.miou > max(0.95, feeding.declared.miou + 0.02)


def test_two_mistakes_are_found_together(data: DatasetSpec) -> None:
    source = ColourNetwork()
    wrong = declaration(source, data, input={"scale": 1})
    feeding = check_feeding(source, wrong, open_split(data, "val"))
    assert feeding.better is not None
    assert {"scale: 1/255, mean and std of ImageNet", "channels: bgr"} == set(feeding.better.name.split("; "))


def test_resized_for_padded_is_found(tmp_path: Path) -> None:
    """Small dots vanish when images are resized to a small size."""
    random = np.random.default_rng(0)
    for number in range(3):
        labels_hw = random.integers(0, len(NAMES), (90, 120)).astype(np.uint8)
        write_image(tmp_path / f"images/{number}.png", COLOURS[labels_hw].astype(np.uint8))
        write_mask(tmp_path / f"masks/{number}.png", labels_hw)
    data = DatasetSpec.model_validate(
        {"val": {"images": tmp_path / "images", "masks": tmp_path / "masks"}, "classes": list(NAMES)}
    )
    source = ColourNetwork()
    wrong = declaration(source, data, input={**RIGHT, "size": 16})
    better = check_feeding(source, wrong, open_split(data, "val")).better
    assert better is not None and better.name == "mode: pad" and better.miou > 0.99


def test_a_softmax_too_many_is_found(data: DatasetSpec) -> None:
    source = ColourNetwork(gives="probabilities")
    wrong = declaration(source, data, input=RIGHT, output={"kind": "logits"})
    feeding = check_feeding(source, wrong, open_split(data, "val"))
    assert feeding.better is not None
    assert feeding.better.name == "output.kind: probabilities"
    assert feeding.better.miou == pytest.approx(feeding.declared.miou)


def test_nothing_is_said_of_a_member_that_is_fed_rightly(data: DatasetSpec) -> None:
    source = ColourNetwork()
    feeding = check_feeding(source, declaration(source, data, input=RIGHT), open_split(data, "val"))
    assert feeding.better is None
    assert feeding.declared.miou > 0.95
    assert len(feeding.scores) > 6


def test_a_specialist_is_scored_on_what_it_knows(data: DatasetSpec) -> None:
    source = ColourNetwork()
    split, known = open_split(data, "val"), {"covers": ["sky"], "classes": {"0": "sky"}}
    right = check_feeding(source, declaration(source, data, input=RIGHT, **known), split)
    assert right.better is None
    assert right.declared.miou > 0.95
    wrong = check_feeding(source, declaration(source, data, input=IMAGENET, **known), split)
    assert wrong.better is not None and wrong.better.name == "channels: bgr"
