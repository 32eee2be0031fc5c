"""Areas of a decision that no image reaches."""

from collections.abc import Iterator, Sequence

import pytest

from seg.engine.jobs.areas import describe_unreachable_areas
from seg.spec.ensemble.decision import DecisionSpec
from tests.engine.tiny_models import CLASSES


def described(sizes: Sequence[tuple[int, int] | None], **decision: object) -> str:
    return describe_unreachable_areas(DecisionSpec.model_validate(decision), CLASSES, sizes)


def test_the_classes_whose_area_is_beyond_all_images_are_named() -> None:
    sizes = [(4, 5), (10, 10), (2, 3)]
    assert not described(sizes)
    assert not described(sizes, least_area=100)
    assert "more than 100 pixels, and regions of ground, paper, glass, metal need up to 101" in described(
        sizes, least_area=101
    )
    own = {"paper": {"least_area": 500}, "glass": {"empty_below": {"probability": 0.5, "area": 200}}}
    assert "regions of paper, glass need up to 500" in described(sizes, classes=own)


def test_nothing_is_said_where_a_size_is_not_known() -> None:
    assert not described([(4, 5), None], least_area=101)
    assert not described([], least_area=101)


def test_no_more_images_are_looked_at_than_needed() -> None:
    def sizes() -> Iterator[tuple[int, int]]:
        yield 10, 10
        pytest.fail("a second header is read")

    assert not describe_unreachable_areas(DecisionSpec(least_area=50), CLASSES, sizes())
