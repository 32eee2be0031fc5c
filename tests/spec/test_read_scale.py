"""The keys of a dataset that say at which scale images are read."""

from typing import Any

import pytest
from pydantic import ValidationError

from seg.read_scale import ReadScale
from seg.spec.dataset.dataset import DatasetSpec

PSEUDO = {"images": "more", "masks": "guessed"}


@pytest.mark.parametrize(
    ("keys", "scale"),
    [
        ({}, None),
        ({"resolution": 0.5}, ReadScale(0.5)),
        ({"resolution": 2, "pixel_size": 0.25}, ReadScale(2, None, 0.25)),
        ({"level": 0}, ReadScale(level=0)),
    ],
)
def test_the_scale(keys: dict[str, Any], scale: ReadScale | None) -> None:
    assert DatasetSpec.model_validate({"predict": {"images": "x"}} | keys).read_scale == scale


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"resolution": 0.5, "level": 1}, "'resolution' and 'level' exclude each other: keep one"),
        ({"pixel_size": 0.5}, "'pixel_size' is for a 'resolution': add one, or remove it"),
        ({"level": 1, "pixel_size": 0.5}, "'pixel_size' is for a 'resolution'"),
        ({"resolution": 0}, "greater than or equal to"),
        ({"level": -1}, "greater than or equal to 0"),
        ({"level": 1.5}, "valid integer"),
        ({"resolution": float("nan")}, "finite|less than or equal to"),
        ({"resolution": 1, "pseudo": PSEUDO}, "'pseudo' is for images as they are: remove 'resolution'"),
        (
            {"level": 1, "range": [0, 9], "stack": {"by": "a_{s}"}},
            "'stack' is for images as they are: remove 'resolution' and 'level'",
        ),
    ],
)
def test_scales_that_mean_nothing_are_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        DatasetSpec.model_validate({"predict": {"images": "x"}} | keys)
