"""A submission judged from the file, through the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import write_image, write_mask
from seg.engine.submissions import SubmissionForSpec, open_submission_format
from seg.errors import DataError
from seg.evaluate.submission_scores import score_submission
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_ensemble
from seg.spec.ensemble.output import OutputSpec
from tests.engine.tiny_models import CLASSES


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """Labelled images; `right.csv` has their labels and `wrong.csv` many of them, moved by a pixel."""
    random = np.random.default_rng(0)
    maps = {f"street_{n}": random.integers(0, len(CLASSES), (12, 15), dtype=np.uint8) for n in range(5)}
    for name, labels_hw in maps.items():
        write_image(tmp_path / f"images/{name}.png", random.integers(0, 256, (12, 15, 3), dtype=np.uint8))
        write_mask(tmp_path / f"masks/{name}.png", labels_hw)
    form = open_submission_format(
        OutputSpec(), [c.model_copy(update={"id": n}) for n, c in enumerate(CLASSES)], "ignore", str
    )
    form.write(tmp_path / "right.csv", list(maps.items()))
    form.write(
        tmp_path / "wrong.csv", [(name, np.roll(labels_hw, 1, axis=1)) for name, labels_hw in maps.items()]
    )
    split = {"images": "images", "masks": "masks"}
    data = {"train": split, "val": split, "classes": [c.name for c in CLASSES]}
    (tmp_path / "spec.yaml").write_text(json.dumps({"data": data, "members": [{"name": "a"}]}))
    return tmp_path / "spec.yaml"


def test_the_right_submission_has_every_figure_at_one(spec_file: Path) -> None:
    figures = score_submission(load_ensemble(spec_file), spec_file.with_name("right.csv")).scores()
    for name in (
        "miou",
        "mean_dice",
        "pixel_accuracy",
        "mean_boundary_iou",
        "mean_boundary_f",
        "kaggle_dice",
    ):
        assert getattr(figures, name) == 1


def test_the_command_compares_and_writes(spec_file: Path, tmp_path: Path) -> None:
    command = ["evaluate", str(spec_file), "--submission", str(tmp_path / "right.csv"), "--per-class"]
    more = [
        "--against",
        str(tmp_path / "wrong.csv"),
        "--json",
        str(tmp_path / "a.json"),
        "--csv",
        str(tmp_path / "a.csv"),
    ]
    result = CliRunner().invoke(app, [*command, *more])
    assert result.exit_code == 0, result.output
    assert "points of mIoU against" in result.output
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["images"] == 5
    assert np.trace(figures["confusion"]) == 5 * 12 * 15
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [c.name for c in CLASSES]


def test_a_missing_image_is_one_line(spec_file: Path, tmp_path: Path) -> None:
    lines = (tmp_path / "right.csv").read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(line for line in lines if "street_4" not in line) + "\n")
    with pytest.raises(DataError, match=r"short\.csv: is missing 'street_4'"):
        score_submission(load_ensemble(spec_file), tmp_path / "short.csv")


def test_pixels_without_a_class_are_misses(spec_file: Path, tmp_path: Path) -> None:
    """The first row of every image is predicted as no class: figures counted here, class by class."""
    split = SubmissionForSpec(load_ensemble(spec_file)).split
    truths = [split.labels(index) for index in range(len(split.samples))]
    holed = [np.vstack([np.full((1, 15), IGNORE_INDEX, np.uint8), truth_hw[1:]]) for truth_hw in truths]
    for sample, labels_hw in zip(split.samples, holed, strict=True):
        write_mask(tmp_path / f"holed/{sample.id}.png", labels_hw)
    said = json.loads(spec_file.read_text()) | {"output": {"format": "png"}}
    spec_file.write_text(json.dumps(said))
    figures = score_submission(load_ensemble(spec_file), tmp_path / "holed").scores()
    for label, c in enumerate(figures.classes):
        whole = sum(int((truth_hw == label).sum()) for truth_hw in truths)
        kept = sum(int((truth_hw[1:] == label).sum()) for truth_hw in truths)
        assert (c.iou, c.recall, c.precision) == (kept / whole, kept / whole, 1)
        assert figures.without_class[label] == whole - kept
    assert figures.pixel_accuracy == 11 / 12
