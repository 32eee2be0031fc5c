"""Palettes of masks whose indexes are read: warnings where their colours mean something else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg.data.check.dataset import check_dataset
from seg.data.images.images import write_image
from seg.spec import DatasetSpec

BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)


def problems(folder: Path, palettes: Sequence[Sequence[Any]], masks: Any = "masks", **keys: Any) -> list[str]:
    """The findings about masks that have all values of their palette."""
    (folder / "masks").mkdir()
    for number, palette in enumerate(palettes):
        pixels = np.tile(np.arange(len(palette), dtype=np.uint8), (4, 4))
        random = np.random.default_rng(number)
        write_image(folder / f"images/{number}.png", random.integers(0, 256, (*pixels.shape, 3), np.uint8))
        mask = Image.fromarray(pixels)
        mask.putpalette([channel for colour in palette for channel in colour])
        mask.save(folder / f"masks/{number}.png")
    values = {"train": {"images": "images", "masks": masks}, **keys}
    dataset = DatasetSpec.model_validate(values, context={"folder": folder})
    return [one.problem for one in check_dataset(dataset).findings if "palette" in one.problem]


def test_palettes_of_another_order_are_told(tmp_path: Path) -> None:
    classes = [{"name": "a", "colour": BLACK}, {"name": "b", "colour": RED}, {"name": "c", "colour": BLUE}]
    palettes = [[BLACK, RED, BLUE], [BLACK, RED, BLUE], [BLACK, BLUE, RED]]
    (found,) = problems(tmp_path, palettes, classes=classes)
    assert found == f"its palette shows 1 in 0,0,255, and that of {tmp_path / 'masks/0.png'} in 255,0,0"


def test_the_fix_reads_their_colours(tmp_path: Path) -> None:
    classes = [{"name": "a", "colour": BLACK}, {"name": "b", "colour": RED}]
    masks = {"to": "masks", "tolerance": 0}
    assert problems(tmp_path, [[BLACK, RED], [RED, BLACK]], masks, classes=classes) == []


@pytest.mark.parametrize(
    ("palette", "is_told"), [([WHITE, BLACK], True), ([BLACK, WHITE], False), ([BLACK, RED], False)]
)
def test_a_white_0_is_told(palette: list[Any], is_told: bool, tmp_path: Path) -> None:
    found = problems(tmp_path, [palette, palette], task="binary", classes=["a"])
    assert [("0 brighter than the other" in one) for one in found] == [True] * (2 * is_told)
