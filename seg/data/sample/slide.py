"""Draw a slide: tissue on glass, most of which is plain, with glomeruli and vessels, strip by strip.

Memory is that of a strip of rows, so a slide may have any size. Everything is determined by the seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.sample.shapes import Points, blob_outline
from seg.labels.label_map import ImageHWC

SLIDE_CLASSES: Final = ("Tissue", "Glomerulus", "Vessel")
ROWS: Final = 512
"""Rows of a strip."""

_TISSUE_SHARE: Final = 0.17
_PIECES: Final = 7
_PIXELS_PER_STRUCTURE: Final = 90_000
"""At most one glomerulus and one vessel are drawn for so many pixels of tissue."""

_DIAMETERS: Final = {"Glomerulus": (110.0, 190.0), "Vessel": (40.0, 110.0)}
_CELL: Final = 12
"""The size of the texture's features in pixels."""

_GLASS: Final = (242.0, 240.0, 244.0)
_TONES: Final = {
    "Tissue": ((196.0, 120.0, 168.0), (238.0, 190.0, 214.0)),
    "Glomerulus": ((116.0, 62.0, 134.0), (188.0, 120.0, 180.0)),
    "Vessel": ((226.0, 196.0, 210.0), (250.0, 236.0, 240.0)),
}
"""A dark and a light RGB colour of each class."""

_BITS: Final = 4
"""Binary digits behind the point of a corner's coordinates."""


@dataclass(frozen=True, slots=True)
class ClassOutline:
    """A piece of tissue or a structure in it: its class's name and its outline, points of x and y."""

    name: str
    outline: Points

    @property
    def top(self) -> float:
        return float(self.outline[:, 1].min())

    @property
    def bottom(self) -> float:
        return float(self.outline[:, 1].max())


@dataclass(frozen=True, slots=True)
class SyntheticSlide:
    """A slide that is not drawn yet. Of its structures, later ones lie on earlier ones."""

    size_hw: tuple[int, int]
    structures: tuple[ClassOutline, ...]
    seed: tuple[int, ...]

    @classmethod
    def draw(cls, size_hw: tuple[int, int], seed: tuple[int, ...]) -> Self:
        """Lay out the pieces of tissue and what is in them."""
        rng = np.random.default_rng(seed)
        tissue = [_draw_tissue_piece(size_hw, number, rng) for number in range(_PIECES)]
        inner = [one for piece in tissue for one in _draw_tissue_structures(piece, rng)]
        return cls(size_hw, (*tissue, *inner), seed)

    def image_strips(self) -> Iterator[ImageHWC]:
        """The pixels in strips of `ROWS` rows from the top, uint8 RGB."""
        height, width = self.size_hw
        coarse = np.random.default_rng((*self.seed, 1)).random(
            (height // _CELL + 3, width // _CELL + 3), dtype=np.float32
        )
        for top in range(0, height, ROWS):
            yield self._draw_strip(top, min(ROWS, height - top), coarse)

    def _draw_strip(self, top: int, rows: int, coarse: NDArray[np.float32]) -> ImageHWC:
        width = self.size_hw[1]
        noise_hw = np.random.default_rng((*self.seed, 2, top)).random((rows, width), dtype=np.float32)
        strip_hwc = np.empty((rows, width, 3), dtype=np.float32)
        strip_hwc[:] = _GLASS
        texture_hw = 0.7 * _enlarge_texture(coarse, top, rows, width) + 0.3 * noise_hw
        for one in self.structures:
            if one.bottom < top or one.top > top + rows:
                continue
            left = max(0, int(one.outline[:, 0].min()) - 1)
            columns = slice(left, int(one.outline[:, 0].max()) + 2)
            mask_hw = _fill_slide_outline(one.outline - (left, top), texture_hw[:, columns].shape)
            dark, light = (np.array(tone, dtype=np.float32) for tone in _TONES[one.name])
            strip_hwc[:, columns][mask_hw] = dark + (light - dark) * texture_hw[:, columns][mask_hw][:, None]
        strip_hwc += (noise_hw[..., None] - 0.5) * 6
        return strip_hwc.clip(0, 255).astype(np.uint8)


def _draw_tissue_piece(size_hw: tuple[int, int], number: int, rng: np.random.Generator) -> ClassOutline:
    """A piece of tissue in its own column of the slide, so that pieces do not overlap."""
    height, width = size_hw
    diameter = np.sqrt(_TISSUE_SHARE * height * width / _PIECES) * rng.uniform(1.1, 1.5)
    stretch = min(1.0, 0.9 * width / _PIECES / diameter)
    outline = blob_outline(rng) * diameter * (stretch, 1 / stretch)
    centre = width * (number + 0.5) / _PIECES, height * rng.uniform(0.35, 0.65)
    return ClassOutline("Tissue", np.clip(outline + centre, 1, (width - 2, height - 2)))


def _draw_tissue_structures(piece: ClassOutline, rng: np.random.Generator) -> Iterator[ClassOutline]:
    low, high = piece.outline.min(axis=0), piece.outline.max(axis=0)
    contour = piece.outline.astype(np.float32)[:, None]
    count = int(cv2.contourArea(contour) / _PIXELS_PER_STRUCTURE)
    for name, (least, most) in _DIAMETERS.items():
        for _ in range(count):
            centre, diameter = rng.uniform(low, high), rng.uniform(least, most)
            outline = blob_outline(rng) * diameter + centre
            if cv2.pointPolygonTest(contour, (float(centre[0]), float(centre[1])), True) > 0.6 * diameter:
                yield ClassOutline(name, outline)


def _enlarge_texture(coarse: NDArray[np.float32], top: int, rows: int, width: int) -> NDArray[np.float32]:
    """Some rows of a coarse texture at full size, where each of its values takes `_CELL` pixels."""
    first = top // _CELL
    few = coarse[first : first + rows // _CELL + 3]
    size = (coarse.shape[1] * _CELL, len(few) * _CELL)
    offset = top - first * _CELL
    enlarged = cv2.resize(few, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged[offset : offset + rows, :width], dtype=np.float32)


def _fill_slide_outline(outline: Points, size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
    mask_hw = np.zeros(size_hw[:2], dtype=np.uint8)
    cv2.fillPoly(mask_hw, [np.round(outline * 2**_BITS).astype(np.int32)], 1, shift=_BITS)
    return mask_hw.astype(np.bool_)
