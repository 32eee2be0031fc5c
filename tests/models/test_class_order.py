"""Classes of a model beside those of a dataset: permutations are found, anything else is refused."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.models.class_order import channels_for_task, channels_of_classes, has_other_class_order


def classes(names: Sequence[str]) -> list[ClassInfo]:
    return [ClassInfo(id=number, name=name, colour=(0, 0, 0)) for number, name in enumerate(names)]


@given(
    st.lists(st.text(), unique=True, min_size=1).flatmap(lambda n: st.tuples(st.just(n), st.permutations(n)))
)
def test_each_label_finds_the_channel_of_its_name(both: tuple[list[str], list[str]]) -> None:
    own, wanted = both
    channels = channels_of_classes(classes(own), classes(wanted), "m.onnx")
    assert [own[channel] for channel in channels] == wanted
    assert has_other_class_order(channels, len(own)) == (own != wanted)


@pytest.mark.parametrize("own", [["a"], ["a", "c"], ["a", "b", "c"], ["a", "a"], ["b", "b", "a"]])
def test_other_names_are_refused_with_both_lists(own: list[str]) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: was trained .* the dataset has \['a', 'b'\]") as caught:
        channels_of_classes(classes(own), classes(["a", "b"]), "m.onnx")
    assert str(own) in str(caught.value)


def test_a_softmax_of_two_classes_is_a_sigmoid_of_one() -> None:
    own = classes(["car", "background"])
    assert channels_for_task(own, "multiclass", classes(["car"]), "binary", "m.onnx") == (0,)
    assert has_other_class_order((0,), len(own))


@pytest.mark.parametrize(
    ("own", "own_task", "wanted", "wanted_task"),
    [
        (["a", "b", "c"], "multiclass", ["a"], "binary"),
        (["b", "c"], "multiclass", ["a"], "binary"),
        (["a", "b"], "multiclass", ["a", "b"], "multilabel"),
        (["a"], "binary", ["a", "b"], "multiclass"),
        (["a", "b"], "multilabel", ["a", "b"], "multiclass"),
    ],
)
def test_other_tasks_are_refused(
    own: list[str], own_task: Task, wanted: list[str], wanted_task: Task
) -> None:
    with pytest.raises(ModelError, match=rf"m\.onnx: was trained with 'task: {own_task}'.*{wanted_task}"):
        channels_for_task(classes(own), own_task, classes(wanted), wanted_task, "m.onnx")
