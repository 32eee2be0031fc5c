"""The CSVs of real contests, byte for byte as they were written by hand from the contests' pages.

The images and samples are replicas of the contests' folders.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from seg.commands.app import app
from seg.engine.submissions import LabelledImage, SubmissionForSpec
from seg.evaluate.validator import check_submission
from seg.labels.label_map import LabelsHW
from seg.spec import EnsembleSpec

ROOT = Path(__file__).resolve().parents[3]
STEEL = ["background", "d1", "d2", "d3", "d4"]
TRACT = ["background", "large_bowel", "small_bowel", "stomach"]


@pytest.fixture(scope="module")
def layouts() -> Path:
    """The folder of replicas of real datasets, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("SEG_SHARED_DATA", ROOT.parent / "shared" / "data")).parent / "layouts"
    if not folder.is_dir():
        pytest.skip(f"no replicas of datasets at {folder}")
    return folder


def spec_of(predict: Mapping[str, Any], names: list[str], /, **output: Any) -> EnsembleSpec:
    train = {"images": "/none", "masks": "/none"}
    data = {"train": train, "predict": predict, "classes": names, "unlabelled": names[0]}
    return EnsembleSpec.model_validate({"data": data, "members": [{"name": "a"}], "output": output})


def maps_of(spec: EnsembleSpec, painted: Mapping[str, tuple[slice, slice, int]]) -> list[LabelledImage]:
    """Label maps of the spec's images: a rectangle of a class in the named ones, else the first class."""
    known = SubmissionForSpec(spec)
    found = []
    for sample in known.split.samples:
        labels_hw: LabelsHW = np.zeros(known.size_of(sample.id), dtype=np.uint8)
        if sample.id in painted:
            rows, columns, label = painted[sample.id]
            labels_hw[rows, columns] = label
        found.append((sample.id, labels_hw))
    return found


def written(spec: EnsembleSpec, maps: list[LabelledImage], path: Path) -> str:
    """What a submission says; it must have no finding but empty masks, and read back as the same maps."""
    form = SubmissionForSpec(spec).form()
    form.write(path, maps)
    read = dict(form.read(path, SubmissionForSpec(spec).size_of))
    assert all((read[image_id] == labels_hw).all() for image_id, labels_hw in maps)
    findings = check_submission(spec, path, spec.output.sample, look_at_images=False)
    assert [str(found) for found in findings] == []
    return path.read_text(encoding="utf-8")


def test_carvana_has_a_row_an_image_with_its_ending(layouts: Path, tmp_path: Path) -> None:
    folder = layouts / "05carvana"
    images = {"images": folder / "test"}
    painted = {"00087a6bd4dc_08": (slice(2, 4), slice(0, 2), 1)}
    expected = "img,rle_mask\n00087a6bd4dc_07.jpg,\n00087a6bd4dc_08.jpg,3 2 131 2\n00087a6bd4dc_09.jpg,\n"
    by_sample = spec_of(images, ["background", "car"], sample=folder / "sample_submission.csv")
    by_hand = spec_of(images, ["background", "car"], columns=["img", "rle_mask"], id="{name}.jpg")
    for number, spec in enumerate((by_sample, by_hand)):
        assert written(spec, maps_of(spec, painted), tmp_path / f"{number}.csv") == expected


@pytest.mark.parametrize(
    ("sample", "by_hand", "header", "row"),
    [
        (
            "sample_submission.csv",
            {"columns": ["ImageId", "EncodedPixels", "ClassId"], "id": "{file_name}"},
            "ImageId,EncodedPixels,ClassId",
            "{image}.jpg,{runs},{class_id}",
        ),
        (
            "sample_submission_2019.csv",
            {"columns": ["ImageId_ClassId", "EncodedPixels"], "id": "{name}.jpg_{class}"},
            "ImageId_ClassId,EncodedPixels",
            "{image}.jpg_{class_id},{runs}",
        ),
    ],
)
def test_severstal_has_a_row_a_class_and_none_of_the_background(
    layouts: Path, tmp_path: Path, sample: str, by_hand: dict[str, Any], header: str, row: str
) -> None:
    folder = layouts / "06severstal"
    images = {"images": folder / "test_images"}
    expected = [header]
    for image in ("0002e74a", "0002eb1b"):
        for class_id in (1, 2, 3, 4):
            runs = "257 2 513 2" if (image, class_id) == ("0002eb1b", 3) else ""
            expected.append(row.format(image=image, runs=runs, class_id=class_id))
    painted = {"0002eb1b": (slice(0, 2), slice(1, 3), 3)}
    outputs: list[dict[str, Any]] = [{"sample": folder / sample}, {**by_hand, "drop": ["background"]}]
    for number, output in enumerate(outputs):
        spec = spec_of(images, STEEL, **output)
        assert written(spec, maps_of(spec, painted), tmp_path / f"{number}.csv").splitlines() == expected
    spec = spec_of(images, STEEL, **by_hand, classes=[4, 3], empty="drop")
    only = row.format(image="0002eb1b", runs="257 2 513 2", class_id=3)
    assert written(spec, maps_of(spec, painted), tmp_path / "drop.csv") == f"{header}\n{only}\n"


def test_uw_madison_has_ids_made_of_folders_and_runs_along_rows(layouts: Path, tmp_path: Path) -> None:
    folder = layouts / "07uwmgi"
    images = {"images": folder / "test"}
    painted = {"slice_0002_80_96_1.50_1.50": (slice(1, 3), slice(5, 8), 2)}
    expected = ["id,class,predicted"]
    for slice_id in ("0001", "0002", "0003", "0004"):
        for name in ("large_bowel", "small_bowel", "stomach"):
            runs = "86 3 166 3" if (slice_id, name) == ("0002", "small_bowel") else ""
            expected.append(f"case30_day0_slice_{slice_id},{name},{runs}")
    outputs: list[dict[str, Any]] = [
        {"sample": folder / "sample_submission.csv"},
        {"sample": folder / "sample_submission.csv", "id": "case{c}_day{d}_slice_{s}"},
        {"columns": ["id", "class", "predicted"], "id": "case{c}_day{d}_slice_{s}", "classes": TRACT[1:]},
    ]
    for number, output in enumerate(outputs):
        spec = spec_of(images, TRACT, **output, rle={"order": "rows"}, size="96x80")
        assert written(spec, maps_of(spec, painted), tmp_path / f"{number}.csv").splitlines() == expected


def test_hubmap_has_a_row_an_image_without_ending(layouts: Path, tmp_path: Path) -> None:
    folder = layouts / "08hubmap"
    painted = {"b9a3865fc": (slice(0, 3), slice(0, 1), 1)}
    outputs: list[dict[str, Any]] = [
        {"sample": folder / "sample_submission.csv"},
        {"columns": ["id", "predicted"]},
    ]
    for number, output in enumerate(outputs):
        spec = spec_of({"images": folder / "test"}, ["background", "glomerulus"], **output)
        text = written(spec, maps_of(spec, painted), tmp_path / f"{number}.csv")
        assert text == "id,predicted\nb9a3865fc,1 3\n"


def test_trash_has_the_file_name_of_the_json_and_the_class_of_every_pixel(
    layouts: Path, tmp_path: Path
) -> None:
    folder = layouts / "12trash"
    coco = {"images": folder, "annotations": folder / "test.json"}
    names = ["batch_01_vt/0021.jpg", "batch_02_vt/0021.jpg", "batch_01_vt/0022.jpg"]
    labels_hw: LabelsHW = np.zeros((256, 256), dtype=np.uint8)
    labels_hw[0, 1] = 3
    pixels = " ".join(["0", "3", *["0"] * (256 * 256 - 2)])
    expected = "".join(["image_id,PredictionString\n", *(f"{name},{pixels}\n" for name in names)])
    data = {
        "train": {"images": folder, "annotations": folder / "train.json"},
        "predict": coco,
        "unlabelled": "Background",
    }
    samples: list[dict[str, str]] = [{}, {"sample": str(folder / "sample_submission.csv")}]
    for number, sample in enumerate(samples):
        output = {"format": "pixels", "id": "{file_name}", "size": 256, **sample}
        spec = EnsembleSpec.model_validate({"data": data, "members": [{"name": "a"}], "output": output})
        maps = [(one.id, labels_hw) for one in SubmissionForSpec(spec).split.samples]
        path = tmp_path / f"{number}.csv"
        SubmissionForSpec(spec).form().write(path, maps)
        assert path.read_text() == expected
        assert check_submission(spec, path, spec.output.sample, look_at_images=False) == []


def test_label_maps_become_the_contests_csv_and_come_back(layouts: Path, tmp_path: Path) -> None:
    """Through the command line: PNGs of any order to the CSV of the sample, without a finding, and back."""
    folder = layouts / "06severstal"
    spec = {
        "data": {
            "train": {"images": "/none", "masks": "/none"},
            "predict": {"images": str(folder / "test_images")},
            "classes": STEEL,
            "unlabelled": "background",
        },
        "members": [{"name": "a"}],
        "output": {"sample": str(folder / "sample_submission.csv")},
    }
    (tmp_path / "spec.yaml").write_text(json.dumps(spec))
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for name in ("0002eb1b", "0002e74a"):
        labels_hw = random.integers(0, 5, (8, 50), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
        Image.fromarray(labels_hw).save(tmp_path / f"in/{name}.png")

    def seg(*words: str) -> None:
        done = CliRunner().invoke(app, ["submission", words[0], str(tmp_path / "spec.yaml"), *words[1:]])
        assert done.exit_code == 0, done.output

    csv_file = str(tmp_path / "a.csv")
    seg("convert", str(tmp_path / "in"), "--from", "png", "--to", "kaggle", "-o", csv_file)
    seg("check", csv_file, "--no-images")
    seg("convert", csv_file, "--to", "png", "-o", str(tmp_path / "out"))
    for name in ("0002eb1b", "0002e74a"):
        read, wanted = (np.asarray(Image.open(tmp_path / place / f"{name}.png")) for place in ("out", "in"))
        np.testing.assert_array_equal(read, wanted)
