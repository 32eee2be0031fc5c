"""Classes of a model beside those of a dataset: permutations are found, anything else is refused."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.models.class_order import channels_of, is_reordered


def classes(names: Sequence[str]) -> list[ClassInfo]:
    return [ClassInfo(id=number, name=name, colour=(0, 0, 0)) for number, name in enumerate(names)]


@given(
    st.lists(st.text(), unique=True, min_size=1).flatmap(lambda n: st.tuples(st.just(n), st.permutations(n)))
)
def test_each_label_finds_the_channel_of_its_name(both: tuple[list[str], list[str]]) -> None:
    own, wanted = both
    channels = channels_of(classes(own), classes(wanted), "m.onnx")
    assert [own[channel] for channel in channels] == wanted
    assert is_reordered(channels) == (own != wanted)


@pytest.mark.parametrize("own", [["a"], ["a", "c"], ["a", "b", "c"], ["a", "a"], ["b", "b", "a"]])
def test_other_names_are_refused_with_both_lists(own: list[str]) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: was trained .* the dataset has \['a', 'b'\]") as caught:
        channels_of(classes(own), classes(["a", "b"]), "m.onnx")
    assert str(own) in str(caught.value)
