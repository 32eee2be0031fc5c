"""Contests whose classes overlap: from images of their replicas to the form of their sample submission.

Predictions of tiny networks are compared with ONNX Runtime called by hand, and rows are written by hand.
"""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from seg.engine.jobs.predict import run_ensemble
from seg.engine.submissions import SubmissionForSpec
from seg.evaluate.validator import check_submission
from seg.labels.classes import ClassInfo
from seg.labels.task import pack_masks
from seg.spec import EnsembleSpec
from tests.engine.tiny_models import MakeModel

ROOT = Path(__file__).resolve().parents[3]
STEEL = [{"id": n, "name": f"d{n}"} for n in (1, 2, 3, 4)]
TRACT = ["large_bowel", "small_bowel", "stomach"]


@pytest.fixture(scope="module")
def layouts() -> Path:
    """The folder of replicas of real datasets, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("SEG_SHARED_DATA", ROOT.parent / "shared" / "data")).parent / "layouts"
    if not folder.is_dir():
        pytest.skip(f"no replicas of datasets at {folder}")
    return folder


def runs_of(mask_hw: NDArray[np.bool_], order: str = "F") -> str:
    """Run lengths from 1, pixel by pixel."""
    runs: list[list[int]] = []
    for pixel in np.flatnonzero(mask_hw.ravel(order=order)).tolist():  # type: ignore[arg-type]
        if runs and runs[-1][0] + runs[-1][1] == pixel + 1:
            runs[-1][1] += 1
        else:
            runs.append([pixel + 1, 1])
    return " ".join(f"{start} {length}" for start, length in runs)


def spec_of(data: dict[str, Any], model: Path, output: dict[str, Any], **more: Any) -> EnsembleSpec:
    member = {"name": "a", "model": model}
    return EnsembleSpec.model_validate(
        {"data": data, "members": [member], "runtime": "cpu", "output": output, **more}
    )


def by_hand(model: Path, image: Path) -> NDArray[np.bool_]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with Image.open(image) as opened:
        pixels_hwc = np.array(opened.convert("RGB"))
    return np.asarray(session.run(None, {"image": pixels_hwc[None]})[0][0] > 0.5)


def rows_of(file: Path) -> list[list[str]]:
    csv.field_size_limit(2**24)
    return list(csv.reader(file.read_text().splitlines()))


@pytest.mark.parametrize("sample", ["sample_submission.csv", "sample_submission_2019.csv"])
def test_severstal(sample: str, layouts: Path, make_model: MakeModel, tmp_path: Path) -> None:
    folder, classes = layouts / "06severstal", tuple(ClassInfo(**c, colour=(0, 0, 0)) for c in STEEL)
    model = make_model(4, classes, task="multilabel")
    data = {"predict": {"images": folder / "test_images"}, "task": "multilabel", "classes": STEEL}
    spec = spec_of(data, model, {"file": tmp_path / "s.csv", "sample": folder / sample})
    run_ensemble(spec)
    header, *rows = rows_of(tmp_path / "s.csv")
    theirs_header, *theirs = rows_of(folder / sample)
    assert header == theirs_header and len(rows) == len(theirs)
    two = 0
    for row, their in zip(rows, theirs, strict=True):
        is_short = len(header) == 2
        image, _, number = their[0].partition("_") if is_short else (their[0], "", their[2])
        masks = by_hand(model, folder / "test_images" / image)
        two += int((masks.sum(0) > 1).sum())
        runs = runs_of(masks[int(number) - 1])
        assert row == ([their[0], runs] if is_short else [their[0], runs, number])
    assert two
    assert check_submission(spec, tmp_path / "s.csv", folder / sample, look_at_images=False) == []


def test_carvana(layouts: Path, make_model: MakeModel, tmp_path: Path) -> None:
    folder = layouts / "05carvana"
    model = make_model(4, (ClassInfo(id=1, name="car", colour=(0, 0, 0)),), task="binary")
    data = {"predict": {"images": folder / "test"}, "task": "binary", "classes": ["car"]}
    spec = spec_of(data, model, {"file": tmp_path / "s.csv", "sample": folder / "sample_submission.csv"})
    run_ensemble(spec)
    names = [name for name, _ in rows_of(folder / "sample_submission.csv")[1:]]
    expected = [[name, runs_of(by_hand(model, folder / "test" / name)[0])] for name in names]
    assert rows_of(tmp_path / "s.csv") == [["img", "rle_mask"], *expected]


def test_hubmap_in_tiles(layouts: Path, make_model: MakeModel, tmp_path: Path) -> None:
    """The network sees a pixel or two around, so the middle of a tile is that of the image."""
    folder = layouts / "08hubmap"
    model = make_model(4, (ClassInfo(id=1, name="glomerulus", colour=(0, 0, 0)),), task="binary")
    data = {"predict": {"images": folder / "test"}, "task": "binary", "classes": ["glomerulus"]}
    output = {"file": tmp_path / "s.csv", "sample": folder / "sample_submission.csv"}
    spec = spec_of(data, model, output, tile={"size": 512, "overlap": 0.25})
    run_ensemble(spec)
    known = SubmissionForSpec(spec)
    ((name, labels_hw),) = known.form().read(tmp_path / "s.csv", known.size_of)
    expected_hw = by_hand(model, folder / "test" / f"{name}.tiff")[0]
    assert (labels_hw == expected_hw).mean() > 0.999
    assert rows_of(tmp_path / "s.csv") == [["id", "predicted"], [name, runs_of(labels_hw == 1)]]


def test_uw_madison(layouts: Path, tmp_path: Path) -> None:
    folder = layouts / "07uwmgi"
    data = {"predict": {"images": folder / "test"}, "task": "multilabel", "classes": TRACT}
    sample = folder / "sample_submission.csv"
    output = {"file": tmp_path / "s.csv", "sample": sample, "rle": {"order": "rows"}, "size": "96x80"}
    known = SubmissionForSpec(spec_of(data, tmp_path / "none.onnx", output))
    masks = {
        one.id: np.random.default_rng(n).random((3, 96, 80)) > 0.3
        for n, one in enumerate(known.split.samples)
    }
    masks[known.split.samples[0].id][1] = False
    known.form().write(tmp_path / "s.csv", [(name, pack_masks(own)) for name, own in masks.items()])
    header, *rows = rows_of(tmp_path / "s.csv")
    theirs_header, *theirs = rows_of(sample)
    assert header == theirs_header
    for row, (slice_, name, _) in zip(rows, theirs, strict=True):
        ((image, own),) = ((i, m) for i, m in masks.items() if slice_.endswith(i[: len("slice_0001")]))
        assert row == [slice_, name, runs_of(own[TRACT.index(name)], "C")]
    read = dict(known.form().read(tmp_path / "s.csv", known.size_of))
    for image, own in masks.items():
        np.testing.assert_array_equal(read[image], pack_masks(own))
    assert check_submission(known.spec, tmp_path / "s.csv", sample, look_at_images=False) == []
