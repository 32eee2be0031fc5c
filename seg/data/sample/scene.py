"""Draw one synthetic image: a ground, overlapping objects, and planks that split them.

A class is a combination of shape and texture. Classes share shapes and textures, so that neither alone
determines the class. Colour is a hint, as classes overlap on the colour circle; in places it carries no
information, nor does light anywhere.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.sample.shapes import SHAPES, Points, ShapeName
from seg.data.sample.surroundings import Surroundings
from seg.data.sample.textures import TEXTURES, Plane, TextureName, cloud_texture, two_texture_tones
from seg.labels.label_map import ImageHWC

Mask = NDArray[np.bool_]

CLASSES: Final[dict[str, tuple[ShapeName, TextureName]]] = {
    "UNKNOWN": ("blob", "speckle"),
    "General trash": ("blob", "stripes"),
    "Paper": ("sheet", "lines"),
    "Paper pack": ("gable", "lines"),
    "Metal": ("capsule", "sheen"),
    "Glass": ("bottle", "sheen"),
    "Plastic": ("bottle", "plain"),
    "Styrofoam": ("sheet", "dots"),
    "Plastic bag": ("bag", "waves"),
    "Battery": ("capsule", "halves"),
    "Clothing": ("shirt", "plaid"),
}
BACKGROUND: Final = "Background"

_OBJECTS: Final = (4, 8)
_GROUND_CELL: Final = 24
_SIZE: Final = (0.28, 0.5)
_PLANKS: Final = 0.6
_LEAST_VISIBLE: Final = 40
_MUCH_SMALLER: Final = 0.5
_HUE_SPREAD: Final = 0.1
"""Of objects of a class, around the hues of the colour circle that classes share."""


@dataclass(frozen=True, slots=True)
class SceneObject:
    """An object to annotate: its category (from 1) and a bool mask `[H, W]`."""

    category: int
    mask_hw: Mask


@dataclass(frozen=True, slots=True)
class _PlacedObject:
    category: int
    """0 for a plank, which belongs to the background."""
    mask_hw: Mask


def draw_scene(
    size_hw: tuple[int, int], rng: np.random.Generator, place: Surroundings | None = None
) -> tuple[ImageHWC, list[SceneObject]]:
    """An image, uint8 RGB `[H, W, 3]`, and its objects; of a place, or of nowhere in particular."""
    canvas = _ground_of_place(place, size_hw, rng) if place else draw_ground(size_hw, rng, _GROUND_CELL)
    categories = _categories_of_place(place, rng) if place else _some_categories_of_scene(rng)
    placed = [
        _draw_scene_object(canvas, category, None if place else _hue_of_scene_category(category, rng), rng)
        for category in categories
    ]
    if rng.random() < _PLANKS:
        placed.append(_draw_plank(canvas, placed[int(rng.integers(len(placed)))], rng))
    return develop_scene(place.seen(canvas, rng) if place else canvas, rng), _annotate_scene_objects(placed)


def _some_categories_of_scene(rng: np.random.Generator) -> list[int]:
    """Few classes with several objects each, so that an image repeats its classes."""
    few = rng.choice(np.arange(1, len(CLASSES) + 1), size=4, replace=False)
    return [int(c) for c in rng.choice(few, size=int(rng.integers(*_OBJECTS)))]


def _categories_of_place(place: Surroundings, rng: np.random.Generator) -> list[int]:
    """Classes as often as the place has them."""
    count = int(rng.integers(*place.objects))
    return [int(c) for c in rng.choice(len(CLASSES), size=count, p=place.frequencies) + 1]


def draw_ground(size_hw: tuple[int, int], rng: np.random.Generator, cell: int) -> Plane:
    """Drawn ground with features of about `cell` pixels, float64 RGB `[H, W, 3]` in 0..1."""
    pattern = _ground_pattern(size_hw, rng, cell)
    return _between_tones(*two_texture_tones(rng, contrast=0.35), pattern)


def _ground_of_place(place: Surroundings, size_hw: tuple[int, int], rng: np.random.Generator) -> Plane:
    return _between_tones(*place.ground_tones, _ground_pattern(size_hw, rng, place.ground_cell))


def _ground_pattern(size_hw: tuple[int, int], rng: np.random.Generator, cell: int) -> Plane:
    pattern = 0.6 * cloud_texture(size_hw, rng, cell) + 0.25 * cloud_texture(size_hw, rng, 5)
    return pattern + 0.15 * rng.random(size_hw)


def _hue_of_scene_category(category: int, rng: np.random.Generator) -> float:
    return (category - 1) / len(CLASSES) + rng.normal(0, _HUE_SPREAD)


def _draw_scene_object(
    canvas: Plane, category: int, hue: float | None, rng: np.random.Generator
) -> _PlacedObject:
    """Draw an object of a hue; of a random one by default."""
    shape, texture = list(CLASSES.values())[category - 1]
    height, width = canvas.shape[:2]
    scale = rng.uniform(*_SIZE) * height
    angle = rng.uniform(0, 2 * np.pi)
    centre = rng.uniform((0.1 * width, 0.1 * height), (0.9 * width, 0.9 * height))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    outline = SHAPES[shape](rng) @ turn * scale + centre
    mask_hw = fill_outline(outline, (height, width))
    rows, columns = np.indices((height, width))
    local = (np.stack((columns, rows), axis=-1) - centre) / scale @ turn.T
    brightness = TEXTURES[texture](local[..., 0], local[..., 1], rng)
    _cast_shadow(canvas, mask_hw)
    canvas[mask_hw] = _between_tones(*two_texture_tones(rng, 0.5, hue), brightness[mask_hw])
    return _PlacedObject(category, mask_hw)


def _draw_plank(canvas: Plane, over: _PlacedObject, rng: np.random.Generator) -> _PlacedObject:
    """A long thin board across an object, which leaves it in two parts."""
    rows, columns = np.nonzero(over.mask_hw)
    if not rows.size:
        return _PlacedObject(0, over.mask_hw)
    centre = np.array((columns.mean(), rows.mean()))
    angle = rng.uniform(0, np.pi)
    along = np.array((np.cos(angle), np.sin(angle)))
    across = np.array((-along[1], along[0]))
    length, breadth = max(canvas.shape), rng.uniform(3.0, 5.0)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    outline = np.array([centre + s * length * along + t * breadth * across for s, t in signs])
    mask_hw = fill_outline(outline, (canvas.shape[0], canvas.shape[1]))
    _cast_shadow(canvas, mask_hw)
    grain = cloud_texture((canvas.shape[0], canvas.shape[1]), rng, 3)
    canvas[mask_hw] = _between_tones(*two_texture_tones(rng, contrast=0.25), grain[mask_hw])
    return _PlacedObject(0, mask_hw)


def _annotate_scene_objects(placed: list[_PlacedObject]) -> list[SceneObject]:
    """Objects as an annotator outlines them.

    What covers an object is cut out of it, unless it is another object and much smaller: then the
    outline runs underneath, and painting by area, large first, shows the smaller one.
    """
    things = []
    for number, thing in enumerate(placed):
        above = placed[number + 1 :]
        covered = np.any([other.mask_hw for other in above] or [np.zeros_like(thing.mask_hw)], axis=0)
        visible = int((thing.mask_hw & ~covered).sum())
        if thing.category == 0 or visible < _LEAST_VISIBLE:
            continue
        mask_hw = thing.mask_hw.copy()
        for other in above:
            if other.category == 0 or other.mask_hw.sum() > _MUCH_SMALLER * visible:
                mask_hw &= ~other.mask_hw
        things.append(SceneObject(thing.category, mask_hw))
    return things


def fill_outline(outline: Points, size_hw: tuple[int, int]) -> Mask:
    """The pixels inside an outline, bool `[H, W]`."""
    mask = np.zeros(size_hw, dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(np.bool_)


def _cast_shadow(canvas: Plane, mask_hw: Mask) -> None:
    shifted = np.roll(mask_hw, (2, 2), axis=(0, 1)).astype(np.float64)
    canvas *= 1 - 0.35 * cv2.GaussianBlur(shifted, (0, 0), 1.5)[..., None]


def develop_scene(canvas: Plane, rng: np.random.Generator) -> ImageHWC:
    """A canvas as a camera sees it, uint8 RGB `[H, W, 3]`: uneven light, a little blur, grain."""
    size_hw = (canvas.shape[0], canvas.shape[1])
    light = 0.75 + 0.4 * cloud_texture(size_hw, rng, max(size_hw) // 2)
    soft = cv2.GaussianBlur(canvas * light[..., None], (0, 0), 0.5)
    grainy = soft + rng.normal(0, 0.015, canvas.shape)
    return np.clip(grainy * 255, 0, 255).astype(np.uint8)


def _between_tones(dark: Plane, light: Plane, brightness: Plane) -> Plane:
    return np.asarray(dark + (light - dark) * brightness[..., None], dtype=np.float64)
