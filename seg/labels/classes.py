"""The classes of a dataset: what they are called, how submissions name them, how they are drawn."""

import colorsys
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]

# The first seven are those of Okabe and Ito, "Color Universal Design" (2008), which any common colour
# blindness tells apart; four more lie far from them in hue or brightness.
_PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (117, 76, 180),
    (140, 81, 60),
    (170, 200, 60),
    (250, 150, 160),
)
_GOLDEN_RATIO = 0.618033988749895


class ClassInfo(BaseModel):
    """One class. Its position in the class list is its label; its `id` is the dataset's own number.

    `id` is what submissions write: the COCO category id, or the value in a mask PNG.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int
    name: str
    colour: Colour


def default_colour(position: int) -> Colour:
    """The colour of the class at `position` when the dataset names none.

    Black, then a palette for colour-blind readers; from the thirteenth on, steps of the golden ratio
    around the hue circle, at alternating brightness.
    """
    if position == 0:
        return (0, 0, 0)
    if position <= len(_PALETTE):
        return _PALETTE[position - 1]
    step = position - len(_PALETTE)
    brightness = 0.95 if step % 2 else 0.6
    red, green, blue = colorsys.hsv_to_rgb(step * _GOLDEN_RATIO % 1.0, 0.65, brightness)
    return (round(red * 255), round(green * 255), round(blue * 255))


def mixed_colour(classes: Sequence[ClassInfo]) -> Colour:
    """The mean colour of classes that a pixel has together."""
    red, green, blue = (
        round(sum(of_all) / len(classes)) for of_all in zip(*(c.colour for c in classes), strict=True)
    )
    return red, green, blue


def is_background(name: str) -> bool:
    """Whether a class is named as annotation tools name what is no object: `background`, `_background_`."""
    return name.strip("_").lower() == "background"


def same_classes(first: Sequence[ClassInfo], second: Sequence[ClassInfo]) -> bool:
    """Whether two class lists mean the same labels; colours may differ."""
    return [(c.id, c.name) for c in first] == [(c.id, c.name) for c in second]
