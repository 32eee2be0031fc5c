"""Functions as members of an ensemble, beside exported models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import seg
from seg import Ensemble
from seg.engine.runtimes.base import ImagesNHWC, ProbabilitiesNCHW
from seg.errors import ModelError
from tests.engine.tiny_models import CLASSES

MakeModel = Callable[..., Path]
NAMES = [c.name for c in CLASSES]


def brightness(images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
    """The first class where it is bright, the second where it is dark."""
    light = images_nhwc.mean(axis=3, dtype=np.float32) / 255
    none = np.zeros_like(light)
    return np.stack([light, 1 - light, none, none], axis=1)


def picture() -> ImagesNHWC:
    return np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)


def test_a_function_is_merged_with_a_model_by_weight(make_model: MakeModel) -> None:
    model = make_model(1)
    both = Ensemble.from_models([model, brightness], weights=[3, 1], runtime="cpu")
    alone = seg.load([model], runtime="cpu")
    expected = 0.75 * alone.predict(picture()).probabilities + 0.25 * brightness(picture()[None])[0]
    np.testing.assert_allclose(both.predict(picture()).probabilities, expected, atol=1e-6)


def test_views_are_turned_back(make_model: MakeModel) -> None:
    ensemble = Ensemble.from_models([brightness], classes=NAMES, views="d4")
    np.testing.assert_allclose(
        ensemble.predict(picture()).probabilities, brightness(picture()[None])[0], atol=1e-6
    )


def test_a_tensor_is_taken_and_options_of_the_yaml_hold() -> None:
    def in_torch(images_nhwc: ImagesNHWC) -> torch.Tensor:
        return torch.from_numpy(brightness(images_nhwc)).double()

    ensemble = Ensemble.from_models([in_torch], classes=NAMES, class_factors={"paper": 1e3})
    assert (ensemble.predict(picture()).labels == NAMES.index("paper")).mean() > 0.99


def test_models_alone_are_what_load_gives(make_model: MakeModel) -> None:
    models = [make_model(1), make_model(2)]
    one, other = (load(models, runtime="cpu") for load in (Ensemble.from_models, seg.load))
    np.testing.assert_array_equal(one.predict(picture()).labels, other.predict(picture()).labels)


def test_wrong_output_names_the_function_and_what_is_expected() -> None:
    def wrong(images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        return brightness(images_nhwc)[:, :2]

    with pytest.raises(
        ModelError, match=r"wrong: gives float32 \[1, 2, 21, 34\].*expected float32 \[1, 4, 21, 34\]"
    ):
        Ensemble.from_models([wrong], classes=NAMES).predict(picture())


def test_an_error_inside_is_one_line() -> None:
    def broken(images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        raise RuntimeError("first line\nno memory")

    with pytest.raises(ModelError, match="broken: fails on 1 image of 21x34: no memory"):
        Ensemble.from_models([broken], classes=NAMES).predict(picture())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "classes: name them, since functions do not"),
        ({"classes": NAMES, "merge_at": "decoder"}, "a function cannot be cut"),
        ({"classes": NAMES, "views": "d5"}, "views are one of"),
        ({"classes": NAMES, "weights": [1, 2]}, "one for each of 1 model, got 2"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ensemble.from_models([brightness], **options)  # type: ignore[arg-type]


def test_other_classes_than_the_models_are_refused(make_model: MakeModel) -> None:
    with pytest.raises(ValueError, match="classes: the models have ground, paper, glass, metal"):
        Ensemble.from_models([make_model(1), brightness], classes=["a", "b", "c", "d"], runtime="cpu")
