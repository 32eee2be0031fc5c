"""Commands on exported models without a YAML: the same as with the YAML that says so."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import seg
from seg.commands.app import app
from seg.data import open_split
from seg.data.images.images import read_image, read_mask, write_image, write_mask
from seg.errors import SegError
from seg.evaluate import ConfusionMatrix
from seg.spec import load_dataset, load_ensemble
from tests.engine.tiny_models import CLASSES, MakeModel

MISSING = "c.onnx: there is no such model: export it first: seg export; or correct its path"

IDS = np.array([c.id for c in CLASSES])


@pytest.fixture
def folder(tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two models, three photos, and a YAML that says the same as OPTIONS."""
    for seed, name in enumerate("ab", start=1):
        shutil.copy(make_model(seed), tmp_path / f"{name}.onnx")
    rng = np.random.default_rng(0)
    for number in range(3):
        write_image(
            tmp_path / f"photos/{number}.png", rng.integers(0, 256, (12 + number, 9, 3), dtype=np.uint8)
        )
    (tmp_path / "said.yaml").write_text(
        "data: { predict: { images: photos }, unlabelled: ground }\nviews: d4\nruntime: cpu\n"
        "members: [{ name: a, model: a.onnx, weight: 2 }, { name: b, model: b.onnx }]\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


MODELS = ("a.onnx", "b.onnx")
OPTIONS = ("--views", "d4", "--weights", "2", "1", "--runtime", "cpu")
IMAGES = ("--images", "photos/")


def run(*arguments: str | Path) -> str:
    """What a command prints; raises the error that it would be refused with."""
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_of_label_maps_has_what_python_predicts(folder: Path) -> None:
    run("ensemble", *MODELS, *IMAGES, *OPTIONS, "-o", "masks/")
    ensemble = seg.load([*MODELS], views="d4", weights=[2, 1], runtime="cpu")
    written = sorted((folder / "masks").glob("*.png"))
    assert [mask.name for mask in written] == ["0.png", "1.png", "2.png"]
    for mask in written:
        np.testing.assert_array_equal(read_mask(mask), ensemble.predict(f"photos/{mask.name}").class_ids)


@pytest.mark.parametrize(
    ("output", "form"),
    [("x.csv", "kaggle"), ("x.JSON", "coco"), ("x.npz", "npz"), ("x", "png"), ("x.d/", "png")],
)
def test_the_name_of_the_output_says_its_format(folder: Path, output: str, form: str) -> None:
    run("ensemble", *MODELS, *IMAGES, *OPTIONS, "-o", output, "--save-spec", "saved.yaml")
    assert load_ensemble(folder / "saved.yaml").output.format == form
    run("ensemble", "said.yaml", "--format", form, "-o", "other")
    one, other = folder / output, folder / "other"
    if form != "png":
        assert one.read_bytes() == other.read_bytes()
    for file in one.glob("*.png"):
        assert file.read_bytes() == (other / file.name).read_bytes()


@pytest.mark.parametrize(
    ("form", "name"), [("coco", "submission.json"), ("png", "submission"), ("npz", "submission.npz")]
)
def test_a_format_without_an_output_names_it_accordingly(folder: Path, form: str, name: str) -> None:
    run("ensemble", *MODELS, *IMAGES, *OPTIONS, "--format", form)
    assert (folder / name).exists()


def test_the_saved_yaml_runs_to_the_same_submission(folder: Path) -> None:
    run("ensemble", *MODELS, *IMAGES, *OPTIONS, "-o", "first.csv", "--save-spec", "specs/mine.yaml")
    text = (folder / "specs/mine.yaml").read_text()
    assert "../a.onnx" in text
    assert "../photos" in text
    assert str(folder) not in text
    run("ensemble", "specs/mine.yaml", "-o", "second.csv")
    assert (folder / "first.csv").read_bytes() == (folder / "second.csv").read_bytes()


def test_explain_saves_the_yaml_and_predicts_nothing(folder: Path) -> None:
    assert "16 passes an image" in run(
        "ensemble", *MODELS, *IMAGES, *OPTIONS, "--explain", "--save-spec", "x.yaml"
    )
    assert load_ensemble(folder / "x.yaml").data.split("predict").images == (folder / "photos",)
    assert not (folder / "submission.csv").exists()


def test_options_beside_a_yaml_replace_what_it_says(folder: Path) -> None:
    (folder / "plain.yaml").write_text(
        "data: { predict: { images: photos }, unlabelled: ground }\n"
        "members: [{ name: a, model: a.onnx, views: hflip }, { name: b, model: b.onnx, weight: 5 }]\n"
    )
    run("ensemble", "plain.yaml", *OPTIONS, "-o", "x.csv")
    run("ensemble", "said.yaml", "-o", "y.csv")
    assert (folder / "x.csv").read_bytes() == (folder / "y.csv").read_bytes()


def test_a_picture_of_models_is_that_of_their_yaml(folder: Path) -> None:
    run("show", *MODELS, "photos/1.png", *OPTIONS, "-o", "models.png")
    run("show", "said.yaml", "1", "-o", "yaml.png")
    np.testing.assert_array_equal(read_image(folder / "models.png"), read_image(folder / "yaml.png"))


@pytest.fixture
def labelled(folder: Path) -> Path:
    """A dataset's YAML, with label maps of the photos."""
    for image in (folder / "photos").iterdir():
        labels_hw = np.random.default_rng(1).integers(0, 4, read_image(image).shape[:2])
        write_mask(folder / "labels" / image.name, IDS[labels_hw].astype(np.uint8))
    classes = [{"name": c.name, "id": c.id} for c in CLASSES]
    data = {"val": {"images": "photos", "masks": "labels"}, "classes": classes}
    (folder / "data.yaml").write_text(json.dumps(data))
    return folder / "data.yaml"


def test_models_are_evaluated_on_a_dataset(labelled: Path) -> None:
    """The other way to the figures: predictions of Python, counted one by one."""
    out = run("evaluate", "a.onnx", "--data", labelled, "--views", "d4", "--runtime", "cpu")
    matrix = ConfusionMatrix(len(CLASSES))
    ensemble, split = (
        seg.load(["a.onnx"], views="d4", runtime="cpu"),
        open_split(load_dataset(labelled), "val"),
    )
    for index, sample in enumerate(split.samples):
        matrix.add(split.labels(index), ensemble.predict(sample.image).labels)
    assert f"{matrix.scores(CLASSES).miou:.4f}" in out


def test_models_become_one_file(labelled: Path) -> None:
    run(
        "export",
        *MODELS,
        "--fuse",
        *OPTIONS[:-2],
        "--data",
        labelled,
        "-o",
        "team.onnx",
        "--outputs",
        "confidence",
        "labels",
    )
    graph = onnx.load("team.onnx").graph
    assert [output.name for output in graph.output] == ["confidence", "labels"]


MISTAKES = {
    "ensemble a.onnx": "models have no images of their own: name them with --images",
    "ensemble a.onnx said.yaml --images photos": "said.yaml: is no exported model: these end in .onnx",
    "ensemble said.yaml a.onnx": "a.onnx: name one YAML, or exported models, which end in .onnx",
    "ensemble c.onnx --images photos": MISSING,
    "ensemble a.onnx --images nowhere": "nowhere: there is no such folder of images",
    "ensemble a.onnx --images photos --weights 1 2": "--weights: one for each of 1 model, got 2",
    "ensemble said.yaml --weights 1": "--weights: one for each of 2 models, got 1",
    "ensemble said.yaml --weights 0 0": "no member has a weight above 0: give one of them a weight",
    "ensemble said.yaml --weights 1 -1": "members.1.weight: is 0, or from 1e-09 to 1e+09, got -1",
    "ensemble said.yaml --views d5": "views: views are one of none, hflip, flips, rot90, d4, or a list of"
    " views, got 'd5'",
    "ensemble said.yaml --views hflip,hflip": "views: a view is listed twice, which would count it twice",
    "ensemble said.yaml --runtime gpu": "runtime: 'gpu' is not known: did you mean 'cuda'?",
    "ensemble said.yaml --format pgn": "unknown format 'pgn': did you mean 'png'?",
    "ensemble said.yaml --format=": "unknown format '': known: class-png, coco, coco-panoptic, geojson,"
    " geotiff, kaggle, kaggle-per-image, npz, pixels, png",
    "ensemble said.yaml --output=": "--output: is empty: name a file or a folder",
    "ensemble a.onnx --images=": "--images: is empty: name a folder, a pattern or a list",
    "ensemble said.yaml -o masks/": "--output masks/: is a folder, and format kaggle a file: name a file, or"
    " add --format png",
    "ensemble a.onnx --images photos -o x.txt": "--output x.txt: no format is known by .txt: use .csv,"
    " .json, .npz or a folder, or name it with --format",
    "ensemble a.onnx --images - --save-spec x.yaml": "--save-spec: a YAML cannot name --images -: name a"
    " folder or a list",
    "ensemble a.onnx --images photos --save-spec x.csv": "--save-spec x.csv: is no YAML: give it a name that"
    " ends in .yaml",
    "ensemble a.onnx --images photos --save-spec said.yaml": "said.yaml: was not written by seg, or was"
    " changed since: name another file, or add --overwrite",
    "ensemble said.yaml --save-spec said.yaml --overwrite": "said.yaml: is what this command reads"
    " (said.yaml): name another file",
    "show a.onnx": "models have no images of their own: name image files after them",
    "show a.onnx photos/9.png": "photos/9.png: there is no such file",
    "evaluate a.onnx": "models have no labels of their own: name a dataset with --data",
    "export a.onnx": "a.onnx: is exported already: add --fuse to make one file of exported models",
    "export said.yaml --views d4": "seg export: --views is about a fused file: add --fuse",
    "serve c.onnx": MISSING,
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(command: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SegError) as caught:
        CliRunner().invoke(app, command.split(), input="photos/0.png\n", catch_exceptions=False)
    assert str(caught.value).removeprefix(f"{folder}/") == MISTAKES[command]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
