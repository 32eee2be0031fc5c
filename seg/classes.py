"""The classes of a dataset: what they are called, how submissions name them, how they are drawn."""

import colorsys
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]

# Okabe and Ito, "Color Universal Design" (2008): told apart with any common colour blindness.
_OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
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

    The first eight are black and the Okabe-Ito palette; the rest walk the hue circle by the golden
    ratio, at alternating brightness.
    """
    if position == 0:
        return (0, 0, 0)
    if position <= len(_OKABE_ITO):
        return _OKABE_ITO[position - 1]
    step = position - len(_OKABE_ITO)
    brightness = 0.95 if step % 2 else 0.6
    red, green, blue = colorsys.hsv_to_rgb(step * _GOLDEN_RATIO % 1.0, 0.65, brightness)
    return (round(red * 255), round(green * 255), round(blue * 255))


def same_classes(first: Sequence[ClassInfo], second: Sequence[ClassInfo]) -> bool:
    """Whether two class lists mean the same labels; colours may differ."""
    return [(c.id, c.name) for c in first] == [(c.id, c.name) for c in second]
