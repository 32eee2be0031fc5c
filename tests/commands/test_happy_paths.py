"""Each command that uses finished models, on a small ensemble: what it writes, and one wrong input."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_image, read_mask
from seg.errors import SegError
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project

IMAGES = 6


@pytest.fixture
def spec(tmp_path: Path, make_model: MakeModel) -> Path:
    """Six images, labelled by the first of three members."""
    return write_labelled_project(tmp_path, make_model)


def seg(*words: str | Path) -> str:
    """What a command prints; raises what it would be refused with."""
    done = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_ensemble_writes_a_row_an_image_and_class(spec: Path) -> None:
    seg("ensemble", spec)
    with (spec.parent / "submission.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == IMAGES * 4


def test_evaluate_names_the_member_that_labelled(spec: Path) -> None:
    rows = [line.split() for line in seg("evaluate", spec).splitlines()]
    (without_views,) = [row for row in rows if row[1:4] == ["a", "│", "1.0000"]]
    assert without_views


def test_show_draws_a_picture(spec: Path) -> None:
    seg("show", spec, "-o", spec.parent / "shown.png")
    assert read_image(spec.parent / "shown.png").ndim == 3


def test_report_is_one_page(spec: Path) -> None:
    seg("report", spec, "-o", spec.parent / "report.html", "--images", "1")
    assert (spec.parent / "report.html").read_text().startswith("<!doctype html>")


def test_tune_writes_into_the_spec_unless_it_may_not(spec: Path) -> None:
    before = spec.read_text()
    seg("tune", spec, "--no-write")
    assert spec.read_text() == before
    seg("tune", spec)
    members = json.loads(before)["members"]
    assert spec.read_text() != before
    assert all(member["model"] in spec.read_text() for member in members[:1])


def test_calibrate_writes_when_images_may_be_stopped(spec: Path) -> None:
    seg("calibrate", spec, "--tolerance", "0.01")
    assert "stopping" in spec.read_text()


def test_pseudo_writes_a_label_map_an_image(spec: Path) -> None:
    folder = spec.parent
    seg("pseudo-label", spec, "--images", folder / "images", "-o", folder / "pseudo", "--confidence", "0")
    for number in range(IMAGES):
        assert read_mask(folder / f"pseudo/{number}.png").shape == (20, 14 + number)


def test_a_vote_of_one_submission_is_that_submission_and_converts_to_masks(spec: Path) -> None:
    folder = spec.parent
    seg("ensemble", spec)
    seg("vote", spec, *[folder / "submission.csv"] * 2, "-o", folder / "voted.csv")
    assert (folder / "voted.csv").read_bytes() == (folder / "submission.csv").read_bytes()
    assert "nothing" in seg("submission", "check", spec, folder / "voted.csv")
    seg("submission", "convert", spec, folder / "voted.csv", "--to", "png", "-o", folder / "masks_of_it")
    assert len(list((folder / "masks_of_it").glob("*.png"))) == IMAGES


WRONG: Sequence[tuple[str, ...]] = [
    ("ensemble", "SPEC", "--images", "nowhere"),
    ("evaluate", "SPEC.yml"),
    ("show", "SPEC", "-o", "x.xyz"),
    ("report", "SPEC", "-o", "x.pdf.d/"),
    ("tune", "SPEC", "--picture", "x.xyz"),
    ("calibrate", "SPEC.yml"),
    ("pseudo-label", "SPEC", "--images", "nowhere"),
    ("vote", "SPEC", "nowhere.csv", "nowhere.csv"),
    ("video", "SPEC", "nowhere.mp4"),
    ("submission", "check", "SPEC", "nowhere.csv"),
    ("submission", "convert", "SPEC", "nowhere.csv", "--to", "png", "-o", "masks_of_it"),
    ("runs", "--folder", "nowhere", "--sort", "beauty"),
    ("runs", "note", "nowhere", "--lb", "0.5"),
    ("serve", "SPEC.yml"),
    ("sweep", "SPEC.yml"),
    ("data", "preview", "SPEC.yml"),
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_input_is_refused_and_nothing_written(
    words: tuple[str, ...], spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SegError):
        seg(*[word.replace("SPEC", str(spec)) for word in words])
    assert sorted(tmp_path.rglob("*")) == before


NEXT: Sequence[tuple[tuple[str, ...], str]] = [
    (("ensemble", "MODEL", "--images", "images", "-o", "masks_of_it"), "open file://FOLDER/masks_of_it"),
    (
        ("ensemble", "MODEL", "--images", "images", "-o", "one.csv", "--save-spec", "one.yaml"),
        "seg submission check one.yaml FOLDER/one.csv",
    ),
    (("show", "SPEC", "-o", "shown.png"), "open file://FOLDER/shown.png"),
    (("calibrate", "SPEC"), "seg ensemble SPEC"),
    (
        ("export", "SPEC", "--fuse", "-o", "one.onnx"),
        'onnxruntime.InferenceSession("one.onnx").run(None, {"image": images_nhwc})',
    ),
]


@pytest.mark.parametrize(("words", "expected"), NEXT, ids=[words[0] for words, _ in NEXT])
def test_a_command_ends_with_what_comes_next(
    words: tuple[str, ...], expected: str, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = json.loads(spec.read_text())["members"][0]["model"]

    def named(text: str) -> str:
        return text.replace("SPEC", str(spec)).replace("FOLDER", str(tmp_path)).replace("MODEL", model)

    assert next_after([named(word) for word in words]) == named(expected)


def next_after(words: Sequence[str], exit_code: int = 0) -> str:
    """What a command that ends with this exit code names as the next."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == exit_code, done.output
    *_, last = done.stderr.splitlines()
    assert last.startswith("next: ")
    return last.removeprefix("next: ")


def test_what_comes_next_leads_from_models_to_a_checked_submission(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec.parent)
    way = [f"seg spec check {spec}"]
    while way[-1].startswith("seg "):
        way.append(next_after(way[-1].split()[1:]))
    submission = spec.parent / "submission.csv"
    assert way[1:] == [
        f"seg tune {spec}",
        f"seg ensemble {spec}",
        f"seg submission check {spec} {submission}",
        f"upload {submission}",
    ]
    assert next_after(["evaluate", str(spec)]) == f"seg ensemble {spec}"


def test_after_converting_only_a_submission_in_the_format_of_the_spec_is_checked(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec.parent)
    seg("ensemble", spec)
    convert = ("submission", "convert", str(spec))
    to_png = next_after([*convert, "submission.csv", "--to", "png", "-o", "masks_of_it"])
    assert to_png == f"open {(spec.parent / 'masks_of_it').as_uri()}"
    back = next_after([*convert, "masks_of_it", "--from", "png", "--to", "kaggle", "-o", "back.csv"])
    assert back == f"seg submission check {spec} back.csv"


def test_a_submission_of_models_is_checked_by_the_saved_spec(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec.parent)
    model = json.loads(spec.read_text())["members"][0]["model"]
    seg("ensemble", model, "--images", "images", "-o", "one.csv", "--save-spec", "one.yaml")
    assert "nothing found" in seg("submission", "check", "one.yaml", "one.csv")


def test_after_findings_comes_their_repair_and_then_another_check(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec.parent)
    seg("ensemble", spec)
    check = ["submission", "check", str(spec), "short.csv"]
    lines = Path("submission.csv").read_text().splitlines(keepends=True)
    Path("short.csv").write_text("".join(lines[:-1]))
    assert next_after(check, exit_code=2) == f"seg submission check {spec} short.csv --fix FILE"
    assert next_after([*check, "--fix", "fixed.csv"], exit_code=2) == f"seg submission check {spec} fixed.csv"
