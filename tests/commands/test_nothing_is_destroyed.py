"""Commands against what their users would lose: photos, models, specs, other people's files and folders."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_image, read_mask, write_image
from seg.engine.jobs.predict import run_ensemble
from seg.errors import SegError
from seg.files.ownership import FOLDER, OUTPUTS, record_own_file
from seg.spec import load_ensemble

SIZE = (4, 5)


def seg(*arguments: str | Path) -> None:
    """A command in this process; raises what it would be told as one line."""
    CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def refused(*arguments: str | Path) -> str:
    """The line that a command is refused with."""
    with pytest.raises(SegError) as caught:
        seg(*arguments)
    return str(caught.value)


def change(spec: Path, **keys: Any) -> None:
    spec.write_text(json.dumps(json.loads(spec.read_text()) | keys))


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def photos(folder: Path, names: Sequence[str]) -> list[Path]:
    random = np.random.default_rng(0)
    paths = [folder / name for name in names]
    for path in paths:
        write_image(path, random.integers(0, 256, (*SIZE, 3), dtype=np.uint8))
    return paths


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "coco-panoptic", "npz"])
@pytest.mark.parametrize("how", ["a list", "stdin"])
def test_photos_listed_by_absolute_paths_stay(
    project: Path, tmp_path_factory: pytest.TempPathFactory, form: str, how: str
) -> None:
    """Those that share a name go by their paths, which are absolute where the list lies elsewhere."""
    elsewhere = tmp_path_factory.mktemp("photos")
    listed = photos(elsewhere, ["day/a.png", "night/a.png", "b.png"])
    change(project, output={"file": "out", "format": form})
    lines = "".join(f"{path}\n" for path in listed)
    (project.parent / "list.txt").write_text(lines)
    before = everything(elsewhere)
    where = "-" if how == "stdin" else str(project.parent / "list.txt")
    command = [sys.executable, "-m", "seg", "ensemble", str(project), "--images", where]
    subprocess.run(command, input=lines, text=True, check=True, capture_output=True)
    assert everything(elsewhere) == before
    if form != "npz":
        written = [path for path in (project.parent / "out").rglob("*.png") if path.is_file()]
        assert len(written) == len(listed)


def test_photos_of_a_coco_file_beside_its_folder_stay(project: Path) -> None:
    folder = project.parent
    (inside,) = photos(folder / "im", ["b.png"])
    (beside,) = photos(folder / "x", ["b.png"])
    height, width = SIZE
    names = {1: "b.png", 2: "../x/b.png"}
    images = [{"id": n, "file_name": name, "height": height, "width": width} for n, name in names.items()]
    coco = json.loads((folder / "train.json").read_text()) | {"images": images}
    (folder / "predict.json").write_text(json.dumps(coco))
    data = json.loads(project.read_text())["data"]
    change(
        project,
        data=data | {"predict": {"images": "im", "annotations": "predict.json"}},
        output={"file": "out", "format": "png"},
    )
    before = {path: path.read_bytes() for path in (inside, beside)}
    seg("ensemble", project)
    assert {path: path.read_bytes() for path in (inside, beside)} == before
    assert not list((folder / "x").glob("*[!b].png"))
    assert len([path for path in (folder / "out").rglob("*.png") if path.is_file()]) == 2


@pytest.mark.parametrize("form", ["png", "coco-panoptic"])
def test_a_folder_of_somebody_else_stays(project: Path, form: str) -> None:
    thesis = project.parent / "thesis"
    thesis.mkdir()
    (thesis / "chapter.docx").write_text("three years")
    change(project, output={"format": form})
    assert "chapter.docx: was not written by seg" in refused("ensemble", project, "-o", thesis)
    assert everything(thesis) == {thesis / "chapter.docx": b"three years"}
    assert not (project.parent / "thesis.journal").exists(), "refused before anything is predicted"
    seg("ensemble", project, "-o", thesis, "--overwrite")
    assert not (thesis / "chapter.docx").exists()
    seg("ensemble", project, "-o", thesis)


def test_a_folder_of_photos_stays_even_if_one_insists(project: Path) -> None:
    seg("ensemble", project)
    images = project.parent / "images"
    before = everything(images)
    for insist in ([], ["--overwrite"]):
        convert = ("submission", "convert", project, project.parent / "submission.csv", "--to", "png", "-o")
        assert "what this command reads" in refused(*convert, images, *insist)
        assert "what this command reads" in refused(*convert, project.parent, *insist)
        change(project, output={"format": "png"})
        assert "what this command reads" in refused("ensemble", project, "-o", images, *insist)
        change(project, output={})
    assert everything(images) == before


@pytest.mark.parametrize("what", ["spec.yaml", "train.json", "images/0.png", "model"])
def test_what_is_read_stays_even_if_one_insists(project: Path, what: str) -> None:
    if what == "model":
        (project.parent / "model").symlink_to(load_ensemble(project).members[0].model or "")
    path = project.parent / what
    before = path.read_bytes()
    form = ("--format", "coco") if path.suffix == ".json" else ()
    assert "is what this command reads" in refused("ensemble", project, "-o", path, *form, "--overwrite")
    assert path.read_bytes() == before


def test_a_file_that_ends_as_another_format_is_not_written(project: Path) -> None:
    path = project.parent / "labels.npz"
    assert "is kaggle by the spec, and ends as npz: add --format npz" in refused(
        "ensemble", project, "-o", path
    )
    assert not path.exists()


def test_a_submission_is_converted_whole_or_not_at_all(project: Path) -> None:
    seg("ensemble", project)
    header, *rows = (project.parent / "submission.csv").read_text().splitlines(keepends=True)
    target = project.parent / "labels.npz"
    for name, content, problem in (
        ("nothing.csv", [header], "lacks"),
        ("twice.csv", [header, *rows, rows[0]], "duplicate"),
    ):
        (project.parent / name).write_text("".join(content))
        convert = ("submission", "convert", project, project.parent / name, "--to", "npz", "-o", target)
        assert problem in refused(*convert)
        assert not target.exists()


def test_submissions_that_are_read_stay(project: Path) -> None:
    seg("ensemble", project)
    submission = project.parent / "submission.csv"
    before = submission.read_bytes()
    for command in (
        ("vote", project, submission, submission, "-o", submission),
        ("submission", "convert", project, submission, "--to", "pixels", "-o", submission),
        ("submission", "check", project, submission, "--fix", submission),
        ("evaluate", project, "--submission", submission, "--json", submission),
        ("show", project, "--submission", submission, "-o", project.parent / "images/0.png"),
    ):
        assert "is what this command reads" in refused(*command, "--overwrite")
    assert submission.read_bytes() == before


def test_images_of_a_coco_json_outside_its_folder_stay(project: Path) -> None:
    folder = project.parent
    (photo,) = photos(folder / "elsewhere", ["photo.png"])
    coco = json.loads((folder / "train.json").read_text())
    height, width = SIZE
    coco["images"] = [{"id": 1, "file_name": "../elsewhere/photo.png", "height": height, "width": width}]
    (folder / "predict.json").write_text(json.dumps(coco | {"annotations": []}))
    data = json.loads(project.read_text())["data"]
    change(project, data=data | {"predict": {"images": "images", "annotations": "predict.json"}})
    before = photo.read_bytes()
    for command in (("show", project, "-o", photo), ("show", project, "-o", photo.parent)):
        assert "what this command reads" in refused(*command, "--overwrite")
    assert photo.read_bytes() == before


def test_files_of_somebody_else_stay(project: Path) -> None:
    seg("ensemble", project)
    submission = project.parent / "submission.csv"
    commands: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
        ("best.csv", ("ensemble", project, "-o")),
        ("best.csv", ("vote", project, submission, submission, "-o")),
        ("best.json", ("submission", "convert", project, submission, "--to", "coco", "-o")),
        ("best.csv", ("submission", "check", project, submission, "--fix")),
        ("poster.png", ("show", project, "-o")),
        ("pseudo", ("pseudo-label", project, "--images", project.parent / "images", "-o")),
    )
    for name, command in commands:
        path = project.parent / name
        mine = path / "mine" if name == "pseudo" else path
        mine.parent.mkdir(exist_ok=True)
        mine.write_bytes(submission.read_bytes())
        assert f"{mine.name}: was not written by seg" in refused(*command, path)
        assert mine.read_bytes() == submission.read_bytes()


def test_what_seg_wrote_is_written_again_without_a_word(project: Path) -> None:
    submission, folder = project.parent / "submission.csv", project.parent
    for _ in range(2):
        seg("ensemble", project)
        seg("vote", project, submission, submission, "-o", folder / "voted.csv")
        seg("submission", "convert", project, submission, "--to", "png", "-o", folder / "png")
        seg("submission", "check", project, submission, "--fix", folder / "fixed.csv")
        seg("show", project, "-o", folder / "overlay.png")
        seg("pseudo-label", project, "--images", folder / "images", "-o", folder / "pseudo")
    assert (folder / OUTPUTS).exists()
    assert (folder / "png" / FOLDER).exists()


def test_a_fifo_stays_one(project: Path) -> None:
    os.mkfifo(project.parent / "out")
    assert "is a FIFO" in refused("ensemble", project, "-o", project.parent / "out")
    assert (project.parent / "out").is_fifo()
    assert not list(project.parent.glob("out.*"))


def test_a_link_stays_one(project: Path) -> None:
    (project.parent / "link.csv").symlink_to("target.csv")
    for _ in range(2):
        seg("ensemble", project, "-o", project.parent / "link.csv")
        assert (project.parent / "link.csv").is_symlink()
    seg("ensemble", project)
    target = project.parent / "target.csv"
    assert target.read_bytes() == (project.parent / "submission.csv").read_bytes()


@pytest.mark.parametrize("ending", ["lock", "journal"])
def test_files_that_are_named_like_ours_stay(project: Path, ending: str) -> None:
    """`seg ensemble -o poetry` must not empty poetry.lock."""
    path = project.parent / f"poetry.{ending}"
    path.write_text("[[package]]")
    assert f"{path}: is not a {ending} of seg" in refused("ensemble", project, "-o", path.with_suffix(""))
    assert f"{path}: is not a {ending} of seg" in refused(
        "ensemble", project, "-o", path.with_suffix(""), "--restart"
    )
    assert path.read_text() == "[[package]]"


def test_a_photo_that_a_journals_name_leads_to_stays(project: Path) -> None:
    photo = project.parent / "images/0.png"
    before = photo.read_bytes()
    (project.parent / "submission.csv.journal").symlink_to(photo)
    assert "is not a journal of seg" in refused("ensemble", project, "--restart")
    assert photo.read_bytes() == before


def test_a_fifo_of_a_journals_name_is_not_waited_for(project: Path) -> None:
    os.mkfifo(project.parent / "submission.csv.journal")
    assert "submission.csv.journal: is a FIFO" in refused("ensemble", project)


@pytest.mark.slow
def test_what_a_killed_run_left_is_gone_after_the_next(project: Path) -> None:
    code = (
        "import os, signal\nfrom seg.commands.app import run_command_line\n"
        "from seg.engine.submissions.tables import csv_file\n"
        "csv_file.csv.writer = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"run_command_line(['ensemble', {str(project)!r}])"
    )
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert list(project.parent.glob(".submission.csv.seg-*"))
    seg("ensemble", project)
    assert not list(project.parent.glob(".submission.csv*"))
    assert (project.parent / "submission.csv").exists()


def test_two_ids_of_one_file_are_refused_before_anything_is_predicted(project: Path) -> None:
    photos(project.parent / "images", ["Street.png", "street.png"])
    change(project, output={"file": "out", "format": "png"})
    assert "'Street' and 'street' would be written to one file" in refused("ensemble", project)
    assert not (project.parent / "out.journal").exists()


def test_label_maps_beside_the_images_are_not_predicted(project: Path) -> None:
    change(project, output={"file": "images/out", "format": "png"})
    spec = load_ensemble(project)
    first = run_ensemble(spec)
    again = run_ensemble(spec)
    assert (again.images, again.images_now) == (first.images, 0)
    labels_hw = read_mask(project.parent / "images/out/0.png")
    assert labels_hw.shape == read_image(project.parent / "images/0.png").shape[:2]


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc, where nothing can be made")
def test_a_place_that_cannot_be_written_is_not_another_run(project: Path) -> None:
    said = refused("ensemble", project, "-o", "/proc/x.csv")
    assert said.startswith("/proc/x.csv: cannot be written: /proc: ")


@pytest.mark.parametrize("read", ["data.yaml", "stacking.yaml", "metric.py"])
def test_files_that_a_spec_names_stay_even_if_seg_wrote_them(project: Path, read: str) -> None:
    folder = project.parent
    document = json.loads(project.read_text())
    (folder / "data.yaml").write_text(json.dumps(document["data"]))
    names = ["ground", "paper", "glass", "metal"]
    matrices = {member["name"]: [[0] * len(names)] * len(names) for member in document["members"]}
    stacking = {"classes": names, "constants": [0] * len(names), "matrices": matrices}
    (folder / "stacking.yaml").write_text(json.dumps(stacking))
    (folder / "metric.py").write_text("def score(truth, prediction):\n    return 0.0\n")
    change(project, data="data.yaml", stacking="stacking.yaml", metric="metric.py:score")
    record_own_file(folder / read)
    before = everything(folder)
    line = refused("ensemble", project, "--output", folder / read, "--format", "kaggle", "--overwrite")
    assert read in line
    assert "is what this command reads" in line
    assert everything(folder) == before


@pytest.mark.parametrize("name", ["classes.txt", "class_dict.csv"])
def test_a_class_list_stays_even_if_one_insists(project: Path, name: str) -> None:
    folder = project.parent
    names = ["ground", "paper", "glass", "metal"]
    lines = [f"{one},{n},0,0" for n, one in enumerate(names)]
    (folder / name).write_text("\n".join(["name,r,g,b", *lines] if name.endswith(".csv") else names))
    data = json.loads(project.read_text())["data"] | {"classes": name}
    (folder / "dataset.yaml").write_text(json.dumps(data))
    change(project, data=data)
    before = everything(folder)
    for command in (
        ("ensemble", project, "--format", "kaggle", "-o"),
        ("evaluate", project, "--submission", project, "--json"),
    ):
        assert "is what this command reads" in refused(*command, folder / name, "--overwrite")
    assert everything(folder) == before


def test_a_guess_replaces_no_file_that_it_was_made_from(tmp_path: Path) -> None:
    photos(tmp_path / "images", ["a.png", "b.png", "c.png"])
    for name in "abc":
        write_image(tmp_path / f"masks/{name}.png", np.eye(*SIZE, dtype=np.uint8))
    (tmp_path / "classes.txt").write_text("ground\npaper\n")
    seg("data", "guess", tmp_path, "-o", tmp_path / "dataset.yaml")
    before = everything(tmp_path)
    for read in ("classes.txt", "images/a.png", "masks/b.png"):
        assert "is what this command reads" in refused(
            "data", "guess", tmp_path, "-o", tmp_path / read, "--overwrite"
        )
    assert everything(tmp_path) == before
