"""Draw one image of the built-in contest: a surface with defects that overlap and let each other through.

Each class changes the surface in its own way, so that a pixel can show several at once. Look-alikes, which
belong to no class, make it hard to tell that a class is absent.
"""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.sample.scene import Mask, develop_scene, draw_ground, fill_outline
from seg.data.sample.shapes import SHAPES
from seg.data.sample.textures import Plane
from seg.labels.label_map import ImageHWC
from seg.labels.task import MasksCHW

_GROUND_CELL: Final = 32
_PATCHES: Final = (1, 4)
_SIZE: Final = (0.12, 0.5)
_STRENGTH: Final = (0.2, 1.0)
_LOOK_ALIKES: Final = (0, 3)


def draw_surface(
    size_hw: tuple[int, int], present: Sequence[bool], rng: np.random.Generator
) -> tuple[ImageHWC, MasksCHW]:
    """An image, uint8 RGB `[H, W, 3]`, and the mask of each class of `DEFECTS`, empty if not present."""
    canvas = draw_ground(size_hw, rng, _GROUND_CELL)
    for _ in range(int(rng.integers(*_LOOK_ALIKES))):
        LOOK_ALIKES[int(rng.integers(len(LOOK_ALIKES)))](canvas, rng)
    masks_chw = np.zeros((len(DEFECTS), *size_hw), dtype=np.bool_)
    for label, spoil in enumerate(DEFECTS.values()):
        for _ in range(int(rng.integers(*_PATCHES)) if present[label] else 0):
            mask_hw = _surface_patch(size_hw, rng)
            spoil(canvas, mask_hw, float(rng.uniform(*_STRENGTH)), rng)
            masks_chw[label] |= mask_hw
    return develop_scene(np.clip(canvas, 0, 1), rng), masks_chw


def _surface_patch(size_hw: tuple[int, int], rng: np.random.Generator) -> Mask:
    """A blob whose centre is inside the image."""
    height, width = size_hw
    scale = rng.uniform(*_SIZE) * height
    stretch = np.array([rng.uniform(0.7, 1.4), 1.0])
    centre = rng.uniform((0.1 * width, 0.1 * height), (0.9 * width, 0.9 * height))
    return fill_outline(SHAPES["blob"](rng) * stretch * scale + centre, size_hw)


def _draw_stain(canvas: Plane, mask_hw: Mask, strength: float, rng: np.random.Generator) -> None:
    """Darker."""
    canvas[mask_hw] *= 1 - 0.5 * strength


def _draw_pits(canvas: Plane, mask_hw: Mask, strength: float, rng: np.random.Generator) -> None:
    """Small dark dots, close together."""
    canvas[mask_hw & _grid_of_dots(mask_hw.shape, 5, rng)] *= 1 - 0.8 * strength


def _draw_scratches(canvas: Plane, mask_hw: Mask, strength: float, rng: np.random.Generator) -> None:
    """Bright parallel lines, close together."""
    canvas[mask_hw & _parallel_lines(mask_hw.shape, 5, rng)] += 0.4 * strength


def _draw_rust(canvas: Plane, mask_hw: Mask, strength: float, rng: np.random.Generator) -> None:
    """Redder."""
    canvas[mask_hw] += strength * np.array([0.2, -0.02, -0.15])


DEFECTS: Final[dict[str, Callable[[Plane, Mask, float, np.random.Generator], None]]] = {
    "stain": _draw_stain,
    "pits": _draw_pits,
    "scratches": _draw_scratches,
    "rust": _draw_rust,
}


def _draw_surface_shadow(canvas: Plane, rng: np.random.Generator) -> None:
    """Darker like a stain, but with a soft edge."""
    size_hw = canvas.shape[0], canvas.shape[1]
    soft_hw = cv2.GaussianBlur(_surface_patch(size_hw, rng).astype(np.float64), (0, 0), 8)
    canvas *= 1 - 0.3 * soft_hw[..., None]


def _draw_holes(canvas: Plane, rng: np.random.Generator) -> None:
    """Dark dots like pits, but far apart."""
    size_hw = canvas.shape[0], canvas.shape[1]
    canvas[_surface_patch(size_hw, rng) & _grid_of_dots(size_hw, 13, rng)] *= 0.5


def _draw_seams(canvas: Plane, rng: np.random.Generator) -> None:
    """Bright lines like scratches, but far apart, and across the whole image."""
    canvas[_parallel_lines((canvas.shape[0], canvas.shape[1]), 60, rng)] += 0.2


def _draw_moss(canvas: Plane, rng: np.random.Generator) -> None:
    """Coloured like rust, but green."""
    canvas[_surface_patch((canvas.shape[0], canvas.shape[1]), rng)] += np.array([-0.08, 0.1, -0.08])


LOOK_ALIKES: Final = (_draw_surface_shadow, _draw_holes, _draw_seams, _draw_moss)


def _grid_of_dots(size_hw: tuple[int, ...], apart: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A grid of dots of two by two pixels."""
    rows, columns = np.indices(size_hw) + rng.integers(apart, size=2)[:, None, None]
    return np.asarray((rows % apart < 2) & (columns % apart < 2))


def _parallel_lines(size_hw: tuple[int, ...], apart: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Lines of about one and a half pixels in a random direction."""
    rows, columns = np.indices(size_hw)
    angle = rng.uniform(0, np.pi)
    across = rows * np.cos(angle) + columns * np.sin(angle) + rng.uniform(0, apart)
    return np.asarray(np.mod(across, apart) < 1.5)
