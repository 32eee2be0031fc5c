"""Surroundings: what the images of one place have in common, such as light, ground and common classes."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.sample.textures import Plane, two_texture_tones

_CONCENTRATION: Final = 0.6
"""Of the Dirichlet distribution of classes. The lower, the fewer classes a place has."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One place.

    Attributes:
        frequencies: how often each class is drawn, float64 `[C]`; sums to 1.
        objects: the most and least objects of an image.
        brightness: factor on all light.
        tint: factor on the light of each colour, float64 `[3]`.
        contrast: factor on the difference of two tones.
        blur: standard deviation in pixels.
        grain: standard deviation of the noise, in shares of white.
        ground_tones: a dark and a light RGB colour.
        ground_cell: the size of the ground's features in pixels.
    """

    frequencies: NDArray[np.float64]
    objects: tuple[int, int]
    brightness: float
    tint: NDArray[np.float64]
    contrast: float
    blur: float
    grain: float
    ground_tones: tuple[Plane, Plane]
    ground_cell: int

    @classmethod
    def draw(cls, classes: int, rng: np.random.Generator) -> Self:
        """Draw a place with this number of classes."""
        fewest = int(rng.integers(2, 6))
        return cls(
            frequencies=rng.dirichlet(np.full(classes, _CONCENTRATION)),
            objects=(fewest, fewest + 3),
            brightness=float(rng.uniform(0.6, 1.15)),
            tint=rng.uniform(0.85, 1.15, 3),
            contrast=float(rng.uniform(0.6, 1.1)),
            blur=float(rng.uniform(0.0, 1.1)),
            grain=float(rng.uniform(0.005, 0.05)),
            ground_tones=two_texture_tones(rng, contrast=0.35),
            ground_cell=int(rng.integers(8, 40)),
        )

    def seen(self, canvas_hwc: Plane, rng: np.random.Generator) -> Plane:
        """A canvas in the light of this place, through its blur and grain; float64 RGB `[H, W, 3]`."""
        mean = canvas_hwc.mean()
        lit = ((canvas_hwc - mean) * self.contrast + mean) * self.brightness * self.tint
        soft = cv2.GaussianBlur(lit, (0, 0), self.blur) if self.blur > 0.1 else lit
        return np.asarray(soft + rng.normal(0, self.grain, canvas_hwc.shape), dtype=np.float64)
