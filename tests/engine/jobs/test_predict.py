"""`seg ensemble` as a whole: submissions, bad images, kills."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.summary import images_written_line
from seg.engine.submissions.tables import rle
from seg.errors import DataError, ModelError, OutputError, SpecError
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import CLASSES, IMAGES


def with_output(path: Path, **output: Any) -> EnsembleSpec:
    document = json.loads(path.read_text()) | {"output": output}
    path.write_text(json.dumps(document))
    return load_ensemble(path)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_rows_decode_to_what_predict_answers(project: Path) -> None:
    spec = load_ensemble(project)
    summary = run_ensemble(spec)
    header, *rows = rows_of(spec.output.file)
    assert header == ["ImageId_ClassId", "EncodedPixels"]
    assert [row[0] for row in rows] == [f"{n}_{c.id}" for n in range(IMAGES) for c in CLASSES]
    assert summary.images_now == IMAGES
    assert summary.passes == IMAGES * 16
    ensemble = Ensemble.load(spec)
    for number in range(IMAGES):
        labels_hw = ensemble.predict(project.parent / f"images/{number}.png").labels
        for label in range(len(CLASSES)):
            mask_hw = rle.decode_rle(rows[number * len(CLASSES) + label][1], labels_hw.shape)
            np.testing.assert_array_equal(mask_hw, labels_hw == label)


def test_one_row_per_image_leaves_the_unlabelled_class_out(project: Path) -> None:
    spec = with_output(project, format="kaggle-per-image")
    run_ensemble(spec)
    header, *rows = rows_of(spec.output.file)
    assert header == ["ImageId", "paper", "glass", "metal"]
    assert [row[0] for row in rows] == [str(n) for n in range(IMAGES)]


def test_a_fixed_grid(project: Path) -> None:
    spec = with_output(project, size="6x5")
    run_ensemble(spec)
    for row in range(len(CLASSES)):
        rle.decode_rle(rows_of(spec.output.file)[1 + row][1], (6, 5))
    lengths = [int(n) for row in rows_of(spec.output.file)[1:5] for n in row[1].split()[1::2]]
    assert sum(lengths) == 30


def test_rows_follow_the_sample_submission(project: Path) -> None:
    run_ensemble(load_ensemble(project))
    plain = {row[0]: row[1] for row in rows_of(project.parent / "submission.csv")[1:]}
    order = sorted(plain, reverse=True)
    sample = project.parent / "sample.csv"
    sample.write_text("ImageId_ClassId,EncodedPixels\n" + "".join(f"{row},\n" for row in order))
    spec = with_output(project, file="ordered.csv", sample="sample.csv")
    run_ensemble(spec)
    assert rows_of(spec.output.file)[1:] == [[row, plain[row]] for row in order]


@pytest.mark.parametrize(("more", "named"), [("99_2,\n", "no image .'99'"), ("", "no id .'1.png'")])
def test_a_sample_with_other_ids_is_refused(project: Path, more: str, named: str) -> None:
    (project.parent / "sample.csv").write_text(f"ImageId_ClassId,EncodedPixels\n0_2,\n{more}")
    spec = with_output(project, sample="sample.csv")
    with pytest.raises(DataError, match=f"sample.csv.*{named}"):
        run_ensemble(spec)
    assert not spec.output.file.exists()


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    spec = load_ensemble(project)
    run_ensemble(spec)
    before = spec.output.file.read_bytes()
    assert run_ensemble(spec).images_now == 0
    assert spec.output.file.read_bytes() == before


def test_a_bad_image_is_named_after_the_others_are_done(project: Path) -> None:
    spec = load_ensemble(project)
    good = run_ensemble(spec)
    expected = good.output.read_bytes()
    bad = project.parent / "images/3.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    good.output.unlink()
    with pytest.raises(DataError, match=r"3\.png: is cut off"):
        run_ensemble(spec, restart=True)
    assert not good.output.exists()
    bad.write_bytes(whole)
    assert run_ensemble(spec).images_now == 1
    assert good.output.read_bytes() == expected


def test_without_a_bad_image_it_is_another_run_as_it_says(project: Path) -> None:
    spec = load_ensemble(project)
    (project.parent / "images/3.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"repair it and run .* remove it and run it with --restart$"):
        run_ensemble(spec)
    (project.parent / "images/3.png").unlink()
    with pytest.raises(OutputError, match="--restart"):
        run_ensemble(spec)
    assert run_ensemble(spec, restart=True).images == IMAGES - 1


@pytest.mark.slow
def test_paths_on_stdin_may_have_quotes_and_commas(project: Path) -> None:
    odd = project.parent / 'a "b", c.png'
    odd.write_bytes((project.parent / "images/0.png").read_bytes())
    command = [sys.executable, "-m", "seg", "ensemble", str(project), "--images", "-"]
    subprocess.run(command, input=f"{odd}\n", text=True, check=True, capture_output=True)
    assert {row[0].rpartition("_")[0] for row in rows_of(project.parent / "submission.csv")[1:]} == {odd.stem}


@pytest.mark.slow
def test_no_path_on_stdin_is_said_so(project: Path) -> None:
    command = [sys.executable, "-m", "seg", "ensemble", str(project), "--images", "-"]
    done = subprocess.run(command, input="\n", text=True, check=False, capture_output=True)
    assert done.returncode == 2
    assert done.stderr == "seg: --images -: no path came on stdin: write one a line\n"


def test_an_explanation_and_a_deadline_exclude_each_other(project: Path) -> None:
    done = CliRunner().invoke(app, ["ensemble", str(project), "--explain", "--deadline", "1h"])
    assert isinstance(done.exception, SpecError)
    assert "--deadline and --explain exclude each other" in str(done.exception)


def test_a_title_wider_than_its_table_stays_whole(project: Path) -> None:
    done = CliRunner().invoke(app, ["ensemble", str(project), "--explain"], catch_exceptions=False)
    assert re.match(r"7 images, 16 passes an image, in batches of 1 on \d+ streams?\n", done.output)


@pytest.mark.parametrize(("images", "said"), [(1, "x.csv: 1 image"), (2, "x.csv: 2 images")])
def test_one_image_is_no_images(images: int, said: str) -> None:
    assert images_written_line(Path("x.csv"), images, images) == said
    assert images_written_line(Path("x.csv"), images, 0) == f"{said}, all done before"


def test_strict_stops_at_once(project: Path) -> None:
    (project.parent / "images/0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"0\.png: is empty"):
        run_ensemble(load_ensemble(project), strict=True)


def test_a_missing_model_says_how_to_make_it(project: Path) -> None:
    document = json.loads(project.read_text())
    document["members"].append({"name": "c"})
    project.write_text(json.dumps(document))
    with pytest.raises(ModelError, match="seg export"):
        run_ensemble(load_ensemble(project))


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_byte_identical(project: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(IMAGES, 150):
        image_hwc = rng.integers(0, 256, (90 + number % 3, 80, 3), dtype=np.uint8)
        write_image(project.parent / f"images/{number}.png", image_hwc)
    spec = load_ensemble(project)
    run_ensemble(spec)
    expected = spec.output.file.read_bytes()
    spec.output.file.unlink()
    journal = spec.output.file.with_name("submission.csv.journal")
    whole = journal.stat().st_size
    journal.unlink()

    command = [sys.executable, "-m", "seg", "ensemble", str(project)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > whole // 20):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not spec.output.file.exists(), "the run ended before it was killed"

    again = run_ensemble(spec)
    assert 0 < again.images_now < again.images
    assert spec.output.file.read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("where", ["images", "images/[3-9].png", "list.txt", "-", "images/5.png"])
def test_other_images_by_pattern_list_and_stdin(project: Path, where: str) -> None:
    """The rows of the images that are named are those of a run over all."""
    spec = load_ensemble(project)
    run_ensemble(spec)
    whole = rows_of(spec.output.file)[1:]
    listed = [f"{project.parent}/images/{number}.png" for number in (5, 2)]
    (project.parent / "list.txt").write_text("\n".join(listed))
    command = [sys.executable, "-m", "seg", "ensemble", str(project), "-o", str(project.parent / "other.csv")]
    command += ["--images", where if where == "-" else str(project.parent / where)]
    subprocess.run(command, input="\n".join(listed), text=True, check=True, capture_output=True)
    numbers = {
        "images": range(IMAGES),
        "images/[3-9].png": range(3, IMAGES),
        "images/5.png": (5,),
    }.get(where, (5, 2))
    expected = [row for number in numbers for row in whole if row[0].startswith(f"{number}_")]
    assert rows_of(project.parent / "other.csv")[1:] == expected
