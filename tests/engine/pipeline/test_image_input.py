"""What may be predicted from Python, against the same file; anything else is a ValueError that says so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg.data.images.images import read_image
from seg.engine import Ensemble


@pytest.fixture
def ensemble(project: Path) -> Ensemble:
    return Ensemble.load(project)


def test_an_array_a_path_and_a_pil_image_are_the_same(ensemble: Ensemble, project: Path) -> None:
    path = project.parent / "images/1.png"
    expected = ensemble.predict(read_image(path)).labels
    with Image.open(path) as pil:
        images: list[Any] = [path, str(path), pil.convert("RGB"), np.asfortranarray(read_image(path))]
        for image in images:
            np.testing.assert_array_equal(ensemble.predict(image).labels, expected)


def test_a_prediction_is_a_pair_of_labels_and_probabilities(ensemble: Ensemble) -> None:
    prediction = ensemble.predict(RGB)
    labels, probabilities = prediction
    assert labels is prediction.labels is prediction[0]
    assert probabilities is prediction.probabilities is prediction[1]


RGB = np.full((4, 5, 3), 7, dtype=np.uint8)


@pytest.mark.parametrize(
    ("image", "got"),
    [
        ((RGB / 255).astype(np.float32), "float32 [4, 5, 3]"),
        (RGB > 3, "bool [4, 5, 3]"),
        (RGB.astype(np.int64), "int64 [4, 5, 3]"),
        (RGB.astype(np.uint16), "uint16 [4, 5, 3]"),
        (RGB[..., 0], "uint8 [4, 5]"),
        (RGB[..., :1], "uint8 [4, 5, 1]"),
        (np.dstack([RGB, RGB[..., 0]]), "uint8 [4, 5, 4]"),
        (RGB.transpose(2, 0, 1), "uint8 [3, 4, 5]"),
        (RGB[None], "uint8 [1, 4, 5, 3]"),
        (RGB[:0], "uint8 [0, 5, 3]"),
        (np.array(7, dtype=np.uint8), "uint8 []"),
        (RGB.tolist(), "list"),
        (None, "NoneType"),
        (Image.new("L", (5, 4)), "mode L"),
        (Image.new("RGBA", (5, 4)), "mode RGBA"),
        (Image.new("I;16", (5, 4)), "mode I;16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_at_the_door(image: Any, got: str, ensemble: Ensemble) -> None:
    with pytest.raises(
        ValueError, match=r"^(an image is uint8 RGB \[H, W, 3\]|a PIL image is RGB)"
    ) as caught:
        ensemble.predict(image)
    assert f"got {got}" in str(caught.value)


def test_streams_refuse_the_same(ensemble: Ensemble) -> None:
    with pytest.raises(ValueError, match=r"got float64 \[4, 5, 3\]"):
        list(ensemble.label_all([("a", RGB.astype(float))], lambda *_: None))


def test_members_and_views_are_known(ensemble: Ensemble) -> None:
    assert [member.name for member in ensemble.only(["b"]).members] == ["b"]
    wrong: list[tuple[Any, str]] = [
        (["bb"], "unknown member 'bb': did you mean 'b'"),
        ([], "names are a list of one or more of"),
        ("ab", "names are a list of one or more of"),
    ]
    for names, message in wrong:
        with pytest.raises(ValueError, match=message):
            ensemble.only(names)
    views: list[tuple[Any, str]] = [
        (("hfilp",), "unknown view 'hfilp': did you mean 'hflip'"),
        ((), "views are one or more"),
        (("hflip", "hflip"), "views are one or more, each listed once"),
    ]
    for some, message in views:
        with pytest.raises(ValueError, match=message):
            ensemble.with_views(some)
