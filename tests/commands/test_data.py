"""`seg data check` by its words and its exit code."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from seg.commands.app import app
from seg.data.images.images import write_image, write_mask
from seg.errors import DataError


def check(file: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["data", "check", str(file), *options])


def written(folder: Path, values: list[int], recipe: dict[str, object] | None = None) -> Path:
    """The YAML of a dataset of an image with these labels and one without, or of an ensemble with it."""
    for seed, split in enumerate(("train", "val")):
        noise = np.random.default_rng(seed).integers(0, 256, (2, 8, 8 * len(values), 3), dtype=np.uint8)
        write_image(folder / split / "a.png", noise[0])
        write_image(folder / split / "b.png", noise[1])
    labels_hw = np.tile(np.repeat(np.array(values, np.uint8), 8), (8, 1))
    write_mask(folder / "masks/a.png", labels_hw)
    write_mask(folder / "masks/b.png", np.zeros_like(labels_hw))
    splits = {name: {"images": name, "masks": "masks"} for name in ("train", "val")}
    dataset = {**splits, "classes": ["a", "b", "c"]}
    ensemble = {"data": dataset, "members": [{"name": "m"}], "recipe": recipe}
    path = folder / "x.yaml"
    YAML(typ="safe").dump(dataset if recipe is None else ensemble, path)
    return path


def test_an_error_is_code_2_and_a_warning_is_not(tmp_path: Path) -> None:
    warned = check(written(tmp_path, [0, 1]))
    assert warned.exit_code == 0
    assert "1 finding" in warned.output.splitlines()
    assert isinstance(check(written(tmp_path, [0, 1]), "--strict").exception, DataError)
    refused = check(written(tmp_path, [0, 9]))
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception).endswith("x.yaml: 1 error")
    assert "nothing is wrong" in check(written(tmp_path, [0, 1, 2])).output


def test_of_many_classes_those_without_a_pixel_have_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, [0, 1, 2])
    document = YAML(typ="safe").load(path)
    names = ["a", "b", "c", *(f"absent {number}" for number in range(60))]
    YAML(typ="safe").dump({**document, "classes": names}, path)
    done = check(path)
    table = done.output.partition("without a row")[0]
    assert "absent" not in table
    assert "without a row: 60 classes that no image shows" in done.output


def test_an_ensemble_with_its_dataset_in_place_is_checked_with_its_crops(tmp_path: Path) -> None:
    done = check(written(tmp_path, [0, 1, 2], recipe={"crop": "64x64"}))
    assert done.exit_code == 0
    assert "1 finding" in done.output
    assert "warning: " in done.output
    assert "the crop 64x64 is" in done.output


def test_names_that_are_not_utf_8_can_be_printed(tmp_path: Path) -> None:
    path = written(tmp_path, [0, 1, 2])
    write_image(tmp_path / "masks" / "more.png", np.zeros((1, 1, 3), np.uint8))
    (tmp_path / "masks/more.png").rename(tmp_path / "masks" / "caf\udce9.png")
    done = check(path)
    assert done.exit_code == 0
    assert "caf\\udce9.png" in done.output.replace("\n", "")


@pytest.mark.parametrize("text", ["train: 3\n", "members: []\n", "[]\n"])
def test_what_is_neither_is_one_line_a_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert "x.yaml:1" in str(check(tmp_path / "x.yaml").exception)


def test_statistics_are_of_the_bands_that_are_seen(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "images").mkdir(exist_ok=True)
        np.save(tmp_path / f"images/{number}.npy", np.full((2, 3, 4), [0, 50, 100, 200], np.uint16))
    document = {
        "data": {"train": {"images": "images"}, "range": [0, 200]},
        "members": [{"name": "a"}, {"name": "b", "input": {"bands": [4, 2], "range": [0, 400]}}],
    }
    YAML(typ="safe").dump(document, tmp_path / "x.yaml")

    def line(*options: str) -> str:
        done = CliRunner().invoke(app, ["data", "stats", str(tmp_path / "x.yaml"), *options])
        assert done.exit_code == 0, done.output
        return done.output.splitlines()[-1].strip()

    assert line() == "input: { mean: [0.0, 0.25, 0.5, 1.0], std: [0.0001, 0.0001, 0.0001, 0.0001] }"
    assert line("--member", "b") == "input: { mean: [0.5, 0.125], std: [0.0001, 0.0001] }"
