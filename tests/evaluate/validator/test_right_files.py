"""What is right raises no alarm, and mending loses no prediction."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import write_mask
from seg.errors import DataError, SpecError
from seg.evaluate.validator import check_submission, repair_submission
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.output import Format
from tests.evaluate.validator.small_contest import ONE, contest_of


def findings_of(spec: EnsembleSpec, path: Path | None = None) -> list[str]:
    return [str(found) for found in check_submission(spec, path or spec.output.file, spec.output.sample)]


@pytest.mark.parametrize(
    "form", ["kaggle", "kaggle-per-image", "pixels", "coco", "coco-panoptic", "png", "npz"]
)
@pytest.mark.parametrize("images", [1, 3])
def test_two_classes_raise_no_alarm(tmp_path: Path, form: Format, images: int) -> None:
    maps = {f"a{number}": np.roll(ONE, number, axis=1) for number in range(images)}
    assert findings_of(contest_of(tmp_path, maps, ["Background", "ship"], format=form)) == []


@pytest.mark.parametrize("empty", ["", "-1", "drop"])
def test_rows_that_are_left_out_for_lack_of_pixels_raise_no_alarm(tmp_path: Path, empty: str) -> None:
    spec = contest_of(tmp_path, {"a": ONE, "b": ONE * 0}, ["Background", "ship"], empty=empty)
    assert findings_of(spec) == []
    lines = spec.output.file.read_text().splitlines()
    spec.output.file.write_text("\n".join(line for line in lines if "_0" not in line) + "\n")
    assert findings_of(spec) == []


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(20, 90),
    width=st.integers(20, 90),
    start=st.floats(0, 0.8),
    share=st.floats(0.05, 0.9),
    upright=st.booleans(),
    order=st.sampled_from(["columns", "rows"]),
)
def test_a_bar_across_the_image_is_not_taken_for_a_torn_mask(
    tmp_path_factory: pytest.TempPathFactory,
    height: int,
    width: int,
    start: float,
    share: float,
    upright: bool,
    order: str,
) -> None:
    """A road from top to bottom, or a horizon: one run along one axis, and a bar again along the other."""
    labels_hw = np.zeros((height, width), dtype=np.uint8)
    along = width if upright else height
    bar = slice(int(start * along), int(start * along) + max(1, int(share * along)))
    labels_hw[(slice(None), bar) if upright else bar] = 1
    maps = {f"a{number}": labels_hw for number in range(4)}
    folder = tmp_path_factory.mktemp("bar")
    spec = contest_of(folder, maps, ["land", "road"], format="kaggle-per-image", rle={"order": order})
    if height != width:
        assert not any("transposed" in finding for finding in findings_of(spec))


def sampled(
    tmp_path: Path, header: str, ids: Sequence[str], form: Format = "kaggle-per-image"
) -> EnsembleSpec:
    columns = header.count(",")
    (tmp_path / "sample.csv").write_text("\n".join([header, *(one + "," * columns for one in ids)]) + "\n")
    maps = {"a": ONE, "b": np.roll(ONE, 1, axis=0)}
    classes = ["land", "ship"] if columns == 1 else ["land", "ship", "car"]
    return contest_of(tmp_path, maps, classes, format=form, sample="sample.csv")


def test_the_header_of_the_sample_is_wanted(tmp_path: Path) -> None:
    spec = sampled(tmp_path, "id,rle_mask", "ab")
    assert spec.output.file.read_text().startswith("id,rle_mask\n")
    assert findings_of(spec) == []
    right = spec.output.file.read_text()
    spec.output.file.write_text(right.replace("id,rle_mask", "ImageId,EncodedPixels"))
    (finding,) = findings_of(spec)
    assert "line 1: the header is 'ImageId,EncodedPixels': it should be 'id,rle_mask'" in finding
    repair_submission(spec, spec.output.file, spec.output.sample).write(tmp_path / "mended.csv")
    assert (tmp_path / "mended.csv").read_text() == right


def test_columns_in_another_order_are_moved_and_not_renamed(tmp_path: Path) -> None:
    spec = sampled(tmp_path, "id,car,ship", "ab")
    right = spec.output.file.read_text()
    with spec.output.file.open(newline="") as file:
        rows = [[identity, ship, car] for identity, car, ship in csv.reader(file)]
    spec.output.file.write_text("".join(f"{','.join(row)}\n" for row in rows))
    (finding,) = findings_of(spec)
    assert "its columns have another order" in finding
    repair_submission(spec, spec.output.file, spec.output.sample).write(tmp_path / "mended.csv")
    assert (tmp_path / "mended.csv").read_text() == right


def test_a_file_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    spec = sampled(tmp_path, "id,rle_mask", "ab")
    right = spec.output.file.read_text()
    spec.output.file.write_text(right.partition("\n")[2])
    (finding,) = findings_of(spec)
    assert "there is no header" in finding
    repair_submission(spec, spec.output.file, spec.output.sample).write(tmp_path / "mended.csv")
    assert (tmp_path / "mended.csv").read_text() == right


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("ab", ("a.png", "b.png")), (("a.jpg", "b.jpg"), "ab"), ("ab", ("x/a.tif", "x/b.tif"))],
)
def test_ids_that_differ_by_an_ending_keep_their_predictions(
    tmp_path: Path, wanted: Sequence[str], found: Sequence[str]
) -> None:
    spec = sampled(tmp_path, "id,rle_mask", wanted)
    right = spec.output.file.read_text()
    other = right
    for one, another in zip(wanted, found, strict=True):
        other = other.replace(f"\n{one},", f"\n{another},")
    (tmp_path / "other.csv").write_text(other)
    (finding,) = findings_of(spec, tmp_path / "other.csv")
    assert f"2 rows with ids that {tmp_path / 'sample.csv'} writes differently: '{found[0]}'" in finding
    repair_submission(spec, tmp_path / "other.csv", spec.output.sample).write(tmp_path / "mended.csv")
    assert (tmp_path / "mended.csv").read_text() == right


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda text: text.replace("\nb,", "\nc,"),
            r":3: 'c' is not in .*sample\.csv, so its prediction would be",
        ),
        (
            lambda text: text.replace("\nb,", "\nb,,"),
            r"line 3: has 3 fields, the header has 2.*without losing predictions",
        ),
        (lambda text: text.replace("\n", ",more\n"), r"line 1: the header is 'id,rle_mask,more'"),
        (lambda text: text + text.splitlines()[1] + "\n", "there are duplicate ids"),
    ],
)
def test_mending_writes_nothing_where_a_prediction_would_be_lost(
    tmp_path: Path, change: Any, problem: str
) -> None:
    spec = sampled(tmp_path, "id,rle_mask", "ab")
    spec.output.file.write_text(change(spec.output.file.read_text()))
    assert findings_of(spec)
    with pytest.raises(DataError, match=problem):
        repair_submission(spec, spec.output.file, spec.output.sample).write(tmp_path / "mended.csv")
    assert not (tmp_path / "mended.csv").exists()


def test_the_command_shows_findings_even_where_it_cannot_mend(tmp_path: Path) -> None:
    spec = sampled(tmp_path, "id,rle_mask", "ab")
    spec.output.file.write_text(spec.output.file.read_text().replace("\nb,", "\nc,"))
    command = ["submission", "check", str(tmp_path / "spec.yaml"), str(spec.output.file)]
    done = CliRunner().invoke(app, [*command, "--fix", str(tmp_path / "mended.csv")])
    assert done.exit_code != 0
    assert "1 row not in" in done.output


def test_images_that_are_missing_are_found_in_every_format(tmp_path: Path) -> None:
    spec = contest_of(tmp_path, {"a": ONE, "b": ONE}, ["land", "ship"], format="png", file="out")
    (spec.output.file / "b.png").unlink()
    (finding,) = findings_of(spec)
    assert finding.startswith("whole file: 1 image of the spec's missing: b")
    with pytest.raises(SpecError, match="a sample is not used with format png"):
        check_submission(spec, spec.output.file, tmp_path / "sample.csv")


def test_images_without_results_are_found_where_every_pixel_has_a_class(tmp_path: Path) -> None:
    spec = contest_of(tmp_path, {"a": ONE, "b": ONE}, ["land", "ship"], format="coco")
    said = json.loads((tmp_path / "spec.yaml").read_text())
    said["data"]["unlabelled"] = "ignore"
    (tmp_path / "spec.yaml").write_text(json.dumps(said))
    spec = load_ensemble(tmp_path / "spec.yaml")
    results = json.loads(spec.output.file.read_text())
    spec.output.file.write_text(json.dumps([result for result in results if result["image_id"] == "a"]))
    (finding,) = [found for found in findings_of(spec) if "without a pixel" in found]
    assert finding == "whole file: 1 image without a pixel of any class: b: was the whole file written?"


def test_positions_where_ids_are_promised_are_found(tmp_path: Path) -> None:
    """As Cityscapes' masks are numbered: the first class is 7, and position 0 is the id of no class."""
    maps = {"a": ONE}
    classes = [{"name": "road", "id": 7}, {"name": "sidewalk", "id": 8}]
    spec = contest_of(
        tmp_path, {"a": ONE + 7}, ["road", "sidewalk"], format="png", values="positions", file="out"
    )
    said = json.loads((tmp_path / "spec.yaml").read_text())
    said["data"] |= {"classes": classes}
    del said["output"]["values"]
    (tmp_path / "spec.yaml").write_text(json.dumps(said))
    for name, labels_hw in maps.items():
        write_mask(tmp_path / f"positions/{name}.png", labels_hw)
    command = ["submission", "check", str(tmp_path / "spec.yaml"), str(tmp_path / "positions")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code != 0
    assert isinstance(done.exception, DataError)
    assert "a.png: has the values 0, 1, which are not class ids (7, 8)" in str(done.exception)
    assert spec.output.values == "positions"


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda rows: [rows[0], rows[2], rows[1]], "rows have another order than"),
        (lambda rows: rows[:2], "1 row of .*sample.csv missing: b.jpg"),
        (lambda rows: [*rows, rows[1].replace("a.jpg", "c.jpg")], "1 row not in .*sample.csv: c.jpg"),
        (lambda rows: [row.replace(".jpg", "") for row in rows], "2 rows with ids that"),
        (lambda rows: ["image_id,PredictionString", *rows[1:]], "the header is 'image_id,PredictionString'"),
    ],
)
def test_rows_of_pixels_are_those_of_the_sample(tmp_path: Path, change: Any, finding: str) -> None:
    spec = sampled(tmp_path, "id,pixels", ["a.jpg", "b.jpg"], "pixels")
    assert findings_of(spec) == []
    rows = spec.output.file.read_text().splitlines()
    spec.output.file.write_text("\n".join(change(rows)) + "\n")
    (found,) = findings_of(spec)
    assert re.search(finding, found)
    mended = tmp_path / "mended.csv"
    if " row " in found:
        with pytest.raises(DataError, match=r"predict its pixels|would be lost"):
            repair_submission(spec, spec.output.file, spec.output.sample).write(mended)
        return
    repair_submission(spec, spec.output.file, spec.output.sample).write(mended)
    assert mended.read_text().splitlines() == rows


def test_a_column_of_classes_is_checked_and_mended(tmp_path: Path) -> None:
    """Columns, ids, order and runs of a contest whose class has a column of its own."""
    sample = ["id,class,rle", *(f"{one}.jpg,{name}," for one in "ba" for name in ("car", "ship"))]
    (tmp_path / "sample.csv").write_text("\n".join(sample) + "\n")
    maps = {"a": ONE, "b": np.roll(ONE, 1, axis=0) * 2}
    spec = contest_of(tmp_path, maps, ["land", "ship", "car"], sample="sample.csv")
    right = spec.output.file.read_text()
    assert right.splitlines()[1:] == [
        "b.jpg,car,7 2 11 2",
        "b.jpg,ship,",
        "a.jpg,car,",
        "a.jpg,ship,6 2 10 2",
    ]
    assert findings_of(spec) == []
    broken = [
        "rle,id,class",
        *(f"{rle or -1},{one[0]},{name}" for one, name, rle in csv.reader(right.splitlines()[1:4:2])),
        "10 2 6 2,a,ship",
    ]
    spec.output.file.write_text("\n".join(broken) + "\n")
    assert len(findings_of(spec)) >= 4
    repair_submission(spec, spec.output.file, spec.output.sample).write(tmp_path / "mended.csv")
    assert (tmp_path / "mended.csv").read_text() == right
    spec.output.file.write_text(right.replace("a.jpg,ship", "a.jpg,boat"))
    assert "line 5: 'boat' is not a class: known are car, ship: write one of these" in findings_of(spec)
