"""Classes by name, in the graph, against sums by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.data.labelling import labelling_of
from seg.errors import ModelError
from seg.export.sources.classes import NetworkClasses, map_source_classes
from seg.export.sources.export_source import export_source
from seg.export.sources.onnx_source.open import OnnxSource
from seg.spec import DatasetSpec, ExportSpec
from tests.export.sources.foreign import member, write_foreign
from tests.export.tiny import image

DATA = DatasetSpec.model_validate({"classes": ["sky", "road", "car"]})
CLASSES = labelling_of(DATA).classes
THEIRS = ("wall", "auto", "street", "heaven", "truck")


def probabilities(folder: Path, channels: int, ending: str, **declared: Any) -> NDArray[np.float32]:
    """Of the exported member for one image, `[C, H, W]`."""
    path = write_foreign(folder / "theirs.onnx", channels=channels, ending=ending)
    one = member(path, input={"scale": "1/255"}, **declared)
    source = OnnxSource.open(path, one.input, one.output)
    export_source(one, source, folder / "model.onnx", CLASSES, DATA, [image(32, 32)], ExportSpec())
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(None, {"image": image(32, 32)[None]})[0][0]
    return found


def theirs(folder: Path) -> NDArray[np.float32]:
    """What the network itself returns, `[K, H, W]`."""
    session = onnxruntime.InferenceSession(folder / "theirs.onnx", providers=["CPUExecutionProvider"])
    fed = (image(32, 32).astype(np.float32) / 255).transpose(2, 0, 1)[None]
    found: NDArray[np.float32] = session.run(None, {"x": fed})[0][0]
    return found


def test_classes_are_renamed_reordered_and_added_up(tmp_path: Path) -> None:
    mapping = {"heaven": "sky", "street": "road", "auto": "car", "truck": "car", "rest": "sky"}
    found = probabilities(tmp_path, 5, "Softmax", output={"classes": THEIRS}, classes=mapping)
    wall, auto, street, heaven, truck = theirs(tmp_path)
    np.testing.assert_allclose(found, [heaven + wall, street, auto + truck], atol=1e-6)


def test_classes_that_belong_nowhere_are_left_out(tmp_path: Path) -> None:
    mapping = {"heaven": "sky", 2: "road", "auto": "car"}
    found = probabilities(tmp_path, 5, "Softmax", output={"classes": THEIRS}, classes=mapping)
    _, auto, street, heaven, _ = theirs(tmp_path)
    expected = np.stack([heaven, street, auto])
    np.testing.assert_allclose(found, expected / expected.sum(0), atol=1e-5)


def test_names_in_another_order_are_put_in_order(tmp_path: Path) -> None:
    found = probabilities(tmp_path, 3, "Softmax", output={"classes": ["car", "sky", "road"]})
    np.testing.assert_allclose(found, theirs(tmp_path)[[1, 2, 0]], atol=1e-6)


def test_sigmoids_and_a_rest(tmp_path: Path) -> None:
    found = probabilities(tmp_path, 2, "Sigmoid", output={"classes": ["road", "car"]}, classes={
        "road": "road", "car": "car", "rest": "sky"
    })  # fmt: skip
    road, car = theirs(tmp_path)
    expected = np.stack([1 - np.maximum(road, car), road, car])
    np.testing.assert_allclose(found, expected / expected.sum(0), atol=1e-5)
    # It is of no class where neither sigmoid reaches a half.
    assert ((found.argmax(0) == 0) == (np.maximum(road, car) <= 0.5)).mean() > 0.999


def test_a_specialist_keeps_its_own_and_spreads_the_rest(tmp_path: Path) -> None:
    found = probabilities(tmp_path, 1, "Sigmoid", classes={"0": "car"}, covers=["car"])
    (car,) = theirs(tmp_path)
    np.testing.assert_allclose(found, [(1 - car) / 2, (1 - car) / 2, car], atol=1e-5)


@given(
    targets=st.lists(st.sampled_from(["sky", "road", "car", None]), min_size=3, max_size=8),
    rest=st.sampled_from(["sky", "car", None]),
    is_apart=st.booleans(),
)
def test_all_that_is_mapped_is_in_the_sum(
    targets: list[str | None], rest: str | None, is_apart: bool
) -> None:
    names = [f"t{n}" for n in range(len(targets))]
    mapping = {name: ours for name, ours in zip(names, targets, strict=True) if ours}
    if rest:
        mapping["rest"] = rest
    if not mapping:
        return
    one = member(Path("theirs.onnx"), output={"classes": names}, classes=mapping)
    try:
        found, has_rest = map_source_classes(one, NetworkClasses(len(names), is_apart), CLASSES, None, [])
    except ModelError:
        assert set(mapping.values()) != {"sky", "road", "car"}
        return
    parts = np.array(found.parts)
    for channel, ours in enumerate([*targets, rest] if has_rest else targets):
        expected = [float(c.name == (ours or rest)) for c in CLASSES]
        assert parts[:, channel].tolist() == expected
    assert found.renormalises == (parts.sum(0) == 0).any()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"classes": {"a": "sky", 0: "road"}}, "names 'a' twice, by name and by number"),
        ({"covers": ["ca"]}, "'covers' names 'ca', which is no class of the dataset: did you mean 'car'"),
        ({"covers": ["car"], "classes": {"b": "sky"}}, "belongs to 'car': remove it from 'covers'"),
    ],
)
def test_wrong_names_are_one_line(declared: dict[str, Any], message: str) -> None:
    one = member(Path("theirs.onnx"), output={"classes": ["a", "b", "c"]}, **declared)
    with pytest.raises(ModelError, match=message):
        map_source_classes(one, NetworkClasses(3), CLASSES, None, [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("Car", "SKY", "road"), [1, 2, 0]),
        (("LABEL_0", "LABEL_1", "LABEL_2"), [0, 1, 2]),
        (("0", "1", "2"), [0, 1, 2]),
    ],
)
def test_names_in_the_file_are_the_datasets_in_any_case_of_letters(
    said: tuple[str, ...], expected: list[int]
) -> None:
    found, _ = map_source_classes(member(Path("x")), NetworkClasses(3, said=said), CLASSES, None, [])
    assert found.order == tuple(expected)


def test_other_names_in_the_file_are_not_taken_for_the_datasets() -> None:
    with pytest.raises(ModelError, match=r"no class of .* belongs to 'sky': map a class to it"):
        map_source_classes(
            member(Path("x")), NetworkClasses(3, said=("wall", "car", "dog")), CLASSES, None, []
        )
