"""Specs: what they say, and what is said of their mistakes."""

import json
import re
from pathlib import Path

import pytest

from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_dataset, load_ensemble
from seg.spec.dataset.class_entry import ClassEntry, numbered_classes
from seg.spec.ensemble.prediction import StoppingSpec
from seg.terminal.notices import notice

SHORT = """\
data:
  train: {images: train, annotations: train.json}
  val: {images: val, annotations: val.json}
members:
  - name: a
"""


def load(folder: Path, text: str) -> EnsembleSpec:
    (folder / "x.yaml").write_text(text)
    return load_ensemble(folder / "x.yaml")


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as error:
        load(folder, text)
    return str(error.value).removeprefix(f"{folder}/").replace(f"\n{folder}/", "\n").splitlines()


def test_a_short_spec_is_enough(tmp_path: Path) -> None:
    spec = load(tmp_path, SHORT)
    assert spec.members[0].name == "a"
    assert spec.views == ("identity",)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    spec = load(tmp_path, SHORT)
    assert spec.data.split("train").images == (tmp_path / "train",)
    assert spec.output.file == tmp_path / "submission.csv"
    assert spec.model(spec.members[0]) == tmp_path / "runs/a/model.onnx"


def test_a_dataset_may_stand_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/d.yaml").write_text("train: {images: t}\nval: {images: v}\nunlabelled: ground\n")
    spec = load(tmp_path, "data: sets/d.yaml\nmembers: [{name: a}]\n")
    assert spec.data == load_dataset(tmp_path / "sets/d.yaml")
    assert spec.data.split("train").images == (tmp_path / "sets/t",)


def test_a_member_overrides_the_shared_recipe(tmp_path: Path) -> None:
    text = SHORT.replace("- name: a", "- {name: a, epochs: 3}\n  - {name: b, encoder: resnet18}")
    spec = load(tmp_path, "recipe: {epochs: 9, encoder: resnet50}\n" + text)
    a, b = (spec.recipe_of(member) for member in spec.members)
    assert (a.epochs, a.encoder) == (3, "resnet50")
    assert (b.epochs, b.encoder) == (9, "resnet18")


@pytest.mark.parametrize("text", ["96x128", "[96, 128]"])
def test_sizes_have_short_forms(text: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"recipe: {{crop: {text}}}\n" + SHORT).recipe.crop == (96, 128)
    assert load(tmp_path, "recipe: {crop: 64}\n" + SHORT).recipe.crop == (64, 64)


def test_views_are_a_set_or_a_list(tmp_path: Path) -> None:
    assert len(load(tmp_path, SHORT + "views: d4\n").views) == 8
    assert load(tmp_path, SHORT + "views: [identity, rot180]\n").views == ("identity", "rot180")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("viws: d4", "x.yaml:6: viws: unknown key: did you mean 'views'?"),
        ("views: d5", "x.yaml:6: views: views are one of none, hflip"),
        ("views: [identity, hflop]", "x.yaml:6: views.1: 'hflop' is not known: did you mean 'hflip'?"),
        ("views: [hflip, hflip]", "x.yaml:6: views: a view is listed twice"),
        ("output:\n  format: kagle", "x.yaml:7: output.format: 'kagle' is not known: did you mean 'kaggle'?"),
        ("recipe:\n  epochs: 0", "x.yaml:7: recipe.epochs: at least 1"),
        ("recipe:\n  crop: big", "x.yaml:7: recipe.crop: a size is a number"),
        ("recipe:\n  input: {mode: resize}", "x.yaml:7: recipe.input: 'size' belongs to mode 'resize'"),
        ("recipe:\n  loss: {cross_entrpy: 1}", "did you mean 'cross_entropy'?"),
        (
            "views: d4\nstopping: {tolerance: 0}\nmerge: vote",
            "x.yaml:8: 'merge: geometric' or 'vote' and",
        ),
        (
            "tile: {size: 64}\noutput:\n  file: x\n  size: 9",
            "x.yaml:6: 'tile' and 'output.size' exclude each other: tiled images",
        ),
        ("views: d4\noutput:\n  format: png\n  rle: {}", "x.yaml:9: output: 'rle' has no meaning"),
        ("batch_size: [", "x.yaml:7: not valid YAML"),
        ("views: d4\nviews: d4", "x.yaml:7: not valid YAML: found duplicate key"),
        ("views: d4\n2020-01-01: 3", "x.yaml:7: 2020-01-01: unknown key: known: batch_size"),
        ("views: d4\n~: 3", "x.yaml:7: None: unknown key"),
        ("views: d4\n1.5: 3", "x.yaml:7: 1.5: unknown key"),
        ("views: d4\n[a]: 3", "x.yaml:7: ('a',): unknown key"),
        ("tile: {1: 2, size: 64}", "x.yaml:6: tile.1: unknown key: known: blend, overlap, plain, size"),
        ("output: {columns: ['', b]}", "x.yaml:6: output.columns.0: text that is not empty"),
        ("stacking: nothing.yaml", "x.yaml:6: stacking: there is no file"),
        (f"runs: {'a' * 256}", "x.yaml:6: runs: has a name of more than 255 bytes"),
        (f"student: {{name: {'a' * 201}}}", "x.yaml:6: student.name: at most 200 letters"),
        ("recipe:\n  copy_paste: {place: x}", "x.yaml:7: recipe.copy_paste.place: unknown key"),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_name(more: str, line: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, SHORT + more + "\n")
    assert line in found


@pytest.mark.parametrize(
    ("member", "line"),
    [
        ("{name: a}", "two members are named 'a'"),
        ("{name: b, model: m.onnx, epochs: 3}", "'epochs' has no meaning here"),
        ("{name: b, weight: -1}", "members.1.weight"),
        ("{name: b, weight: .inf}", "members.1.weight"),
        ("{name: ../b}", "members.1.name"),
        ("{architecture: unett, name: b}", "did you mean 'unet'?"),
        ("{epochs: 3}", "members.1.name: is required"),
        ("{name: b, onnx: b.onnx, input: {scale: 1e999999999/1}}", "members.1.input.scale"),
        ("{name: b, onnx: b.onnx, input: {scale: 1/}}", "is a number or a fraction"),
    ],
)
def test_a_mistake_in_a_member(member: str, line: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, SHORT + f"  - {member}\n")
    assert line in found


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("views: none\nrecipe: {epochs: true}", "7: recipe.epochs"),
        ("recipe:\n  loss: {cross_entropy: false}", "7: recipe.loss.cross_entropy"),
        ("class_factors: {a: true}", "6: class_factors"),
        ("tile: {size: true}", "6: tile.size"),
        ("output: {file: false}", "6: output.file"),
    ],
)
def test_true_and_false_are_no_numbers(more: str, place: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, SHORT + more) == [f"x.yaml:{place}: cannot be true or false"]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("class_factors:\n  road: 2\n  caar: 2", "9: 'class_factors.caar'"),
        ("metric: {name: dice, without: [caar]}", "7: 'metric.without.caar'"),
        ("decision:\n  least_area: 3\n  classes:\n    caar: {least_area: 4}", "10: 'decision.classes.caar'"),
        ("tile: {size: 64, plain: {label: caar}}", "7: 'tile.plain.label.caar'"),
        ("  - name: b\n    class_weights:\n      caar: 2", "9: 'members.1.class_weights.caar'"),
    ],
)
def test_a_class_that_the_dataset_does_not_list_names_its_line(more: str, place: str, tmp_path: Path) -> None:
    listed = SHORT.replace("members:", "  classes: [road, car]\nmembers:")
    said = f"x.yaml:{place}: there is no class 'caar': did you mean 'car'?"
    assert mistakes(tmp_path, listed + more) == [said]


def test_a_number_in_quotes_is_named_as_such(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, SHORT + 'decision: {connectivity: "8"}')
    assert line.startswith("x.yaml:6: decision.connectivity: is a number, got '8': write it without quotes")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, SHORT + "viws: d4\nmerge: men\nbatch_size: 0\n")) == 3


def test_masks_and_annotations_exclude_each_other(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, SHORT.replace("val.json}", "val.json, masks: m}"))
    assert "x.yaml:3: data.val: annotations (COCO) and masks" in found


@pytest.mark.parametrize(("text", "problem"), [("", "a mapping"), ("- 1", "a mapping"), ("\xff", "UTF-8")])
def test_what_is_no_spec(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpecError, match=problem):
        load_ensemble(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("classes: [{name: a, id: 1}, b]", "classes 'a' and 'b' both have the id 1"),
        ("classes: [{name: a, id: 300}, b]", "class 'a' has the id 300"),
        ("classes: [{name: a, id: 1}, {name: b, id: 1}]", "two classes have the id 1"),
        ("classes: [a, b]\nunlabelled_values: [1]", "1 is the id of class 'b' and among"),
        ("classes: [a, b]\nunlabelled_values: [256]", "at most 255"),
        ("unlabelled: a", "mask folders name no classes"),
    ],
)
def test_a_mask_value_means_one_thing(more: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text(f"train: {{images: t, masks: tm}}\nval: {{images: v, masks: vm}}\n{more}\n")
    with pytest.raises(SpecError) as error:
        load_dataset(path)
    assert re.match(rf"{path}:\d+: .*{problem}", str(error.value)), str(error.value)


def test_a_mistake_in_a_dataset_of_its_own_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("train: {images: t}\nvla: {images: v}\nval: {images: v}\n")
    (found,) = mistakes(tmp_path, "data: d.yaml\nmembers: [{name: a}]\n")
    assert found == "d.yaml:2: vla: unknown key: did you mean 'val'?"


def test_editors_get_a_schema() -> None:
    schema = json.loads(json.dumps(EnsembleSpec.model_json_schema()))
    assert set(schema["required"]) == {"data", "members"}
    assert schema["additionalProperties"] is False
    assert "d4" in json.dumps(schema["properties"]["views"])


def test_black_is_the_background_s_and_of_no_other_class() -> None:
    entries = (ClassEntry(name="sky"), ClassEntry(name="road"))
    with_background = numbered_classes(entries, "nothing", "multiclass")
    assert [c.colour == (0, 0, 0) for c in with_background] == [True, False, False]
    assert [c.colour for c in numbered_classes(entries, "ignore", "multiclass")] == [
        c.colour for c in with_background[1:]
    ]


def test_the_former_spelling_of_a_tolerance_of_0_still_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notice.cache_clear()
    assert load(tmp_path, SHORT + "stopping: exact").stopping == StoppingSpec(tolerance=0)
    assert "'stopping: { tolerance: 0 }'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("metric: {name: dice, without: [a, b]}", "x.yaml:3: 'metric.without' leaves no class to judge"),
        ("output: {drop: [bb]}", "x.yaml:3: 'output.drop.bb': there is no class 'bb': did you mean 'b'?"),
    ],
)
def test_classes_are_compared_with_those_that_the_dataset_lists(more: str, line: str, tmp_path: Path) -> None:
    text = "data: {predict: {images: i}, classes: [a, b]}\nmembers: [{name: m}]\n"
    (found,) = mistakes(tmp_path, text + more + "\n")
    assert line in found


def test_a_dataset_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, "members: [{name: m}]\ndata: nothing.yaml\n")
    assert "x.yaml:2: data: there is no file" in found


@pytest.mark.parametrize("key", ["classes: ['', b]", "classes: [a, b]\nunlabelled: ''"])
def test_a_class_has_a_name(key: str, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(f"predict: {{images: i}}\n{key}\n")
    with pytest.raises(SpecError, match="text that is not empty"):
        load_dataset(tmp_path / "d.yaml")
