"""Class lists as datasets and tools write them."""

from pathlib import Path
from typing import Any

import pytest

from seg.errors import SpecError
from seg.spec import load_dataset
from seg.spec.class_lists.presets import PRESETS

SKY = {"name": "Sky", "colour": (128, 128, 128)}
CAR = {"name": "Car", "colour": (64, 0, 128)}


def classes(folder: Path, name: str, text: str) -> list[dict[str, Any]]:
    (folder / name).write_text(text)
    (folder / "d.yaml").write_text(f"train: {{images: x, masks: m}}\nclasses: {name}\n")
    entries = load_dataset(folder / "d.yaml").classes or ()
    return [entry.model_dump(exclude_unset=True) for entry in entries]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("label_colors.txt", "128 128 128\tSky\n64 0 128\tCar\n", [SKY, CAR]),
        ("label_colors.txt", "Sky 128 128 128\r\nCar 64 0 128\r\n", [SKY, CAR]),
        ("class_dict.csv", "name,r,g,b\nSky,128,128,128\nCar,64,0,128\n", [SKY, CAR]),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nSky:128,128,128::\nCar:64,0,128::\n", [SKY, CAR]),
        (
            "_classes.csv",
            "Pixel Value, Class\n0, a\n2, b\n",
            [{"name": "a", "id": 0}, {"name": "b", "id": 2}],
        ),
        (
            "objectInfo150.txt",
            "Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t10\t1\twall\n2\t0.1\t9\t1\tbuilding, edifice\n",
            [{"name": "wall", "id": 1}, {"name": "building", "id": 2}],
        ),
        ("data.yaml", "names: [a, b]\n", [{"name": "a", "id": 0}, {"name": "b", "id": 1}]),
        ("data.yaml", "names:\n  0: a\n  3: b\n", [{"name": "a", "id": 0}, {"name": "b", "id": 3}]),
        (
            "meta.json",
            '{"classes": [{"title": "Sky", "id": 9, "color": "#808080"},'
            ' {"title": "Car", "color": "#400080"}]}',
            [SKY, CAR],
        ),
        (
            "config.json",
            '{"labels": [{"readable": "Sky", "name": "n--sky", "color": [128,128,128]}, {"name": "b"}]}',
            [SKY, {"name": "b"}],
        ),
        ("dataset.json", '{"labels": {"a": 0, "b": 1}}', [{"name": "a", "id": 0}, {"name": "b", "id": 1}]),
        ("id2label.json", '{"0": "a", "7": "b"}', [{"name": "a", "id": 0}, {"name": "b", "id": 7}]),
        ("classes.txt", "a\nb\n\n", [{"name": "a"}, {"name": "b"}]),
        ("classes.txt", "0: a\n5: b c\n", [{"name": "a", "id": 0}, {"name": "b c", "id": 5}]),
    ],
)
def test_lists(tmp_path: Path, name: str, text: str, found: list[dict[str, Any]]) -> None:
    assert classes(tmp_path, name, text) == found


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("label_colors.txt", "0 0 300 Sky\n", r"label_colors\.txt:1: red, green and blue are 0\.\.255"),
        ("class_dict.csv", "name,r,g,b\nSky,1,2\n", r"class_dict\.csv:2: has 3 values, the header 4"),
        ("class_dict.csv", "a,b\n1,2\n", r"class_dict\.csv:1: has no column of names"),
        ("data.yaml", "path: .\n", "has no 'names'"),
        ("data.yaml", "names: [a\n", r"data\.yaml:2: not valid YAML"),
        ("data.yaml", "names: !!python/name:os.system\n", "the tag '!!python/name:os.system'"),
        ("meta.json", "[" * 100_000, "is no JSON"),
        ("classes.txt", "a" * 2000, r"classes\.txt:1: has 2000 characters"),
        ("meta.json", "{", "is no JSON"),
        ("classes.txt", "\n", "names no class"),
        ("classes.png", "a", "is no class list"),
        ("classes.txt", "a\na\n", "class 'a' is named twice"),
        ("classes.txt", "a\n", "'classes' has one class"),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        classes(tmp_path, name, text)


def test_presets_are_those_of_their_datasets() -> None:
    voc, city = PRESETS["voc"], PRESETS["cityscapes"]
    assert (len(voc), voc[1]["colour"], voc[20]["colour"]) == (21, (128, 0, 0), (0, 64, 128))
    assert (len(city), city[0]["id"], city[-1]["id"]) == (19, 7, 33)


def test_classes_that_are_not_learnt_leave_their_ids_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("0 0 0 Void\n128 128 128 Sky\n64 0 128 Car\n")
    (tmp_path / "d.yaml").write_text(
        "train: {images: x, masks: m}\nclasses: l.txt\nunlabelled_classes: [Void]\n"
    )
    data = load_dataset(tmp_path / "d.yaml")
    assert [(entry.name, entry.id) for entry in data.classes or ()] == [("Sky", 1), ("Car", 2)]
    assert (data.unlabelled_values, data.unlabelled_colours) == ((255, 0), ((0, 0, 0),))
    (tmp_path / "d.yaml").write_text(
        "train: {images: x, masks: m}\nclasses: l.txt\nunlabelled_classes: [Vod]\n"
    )
    with pytest.raises(SpecError, match="'Vod', which is no class: did you mean 'Void'"):
        load_dataset(tmp_path / "d.yaml")
