"""Outlines of objects: points `[n, 2]` of x and y, around the origin, about one unit across."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
ShapeName = Literal["blob", "sheet", "gable", "capsule", "bottle", "bag", "shirt"]


def blob_outline(rng: np.random.Generator) -> Points:
    """A circle whose radius is bent by a few waves."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = 0.45 + sum(
        rng.normal(0, 0.07) * np.cos(k * angles + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5)
    )
    return np.stack((radius * np.cos(angles), radius * np.sin(angles)), axis=1)


def sheet_outline(rng: np.random.Generator) -> Points:
    corners = np.array([(-0.5, -0.38), (0.5, -0.38), (0.5, 0.38), (-0.5, 0.38)])
    return corners + rng.normal(0, 0.04, corners.shape)


def gable_outline(rng: np.random.Generator) -> Points:
    shoulder = rng.uniform(-0.2, -0.1)
    return np.array([(-0.3, 0.5), (-0.3, shoulder), (-0.12, -0.5), (0.12, -0.5), (0.3, shoulder), (0.3, 0.5)])


def capsule_outline(rng: np.random.Generator) -> Points:
    """Two half circles joined by straight sides."""
    half, radius = rng.uniform(0.22, 0.3), rng.uniform(0.18, 0.22)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 9)
    right = np.stack((half + radius * np.cos(turn), radius * np.sin(turn)), axis=1)
    return np.concatenate((right, -right))


def bottle_outline(rng: np.random.Generator) -> Points:
    neck = rng.uniform(0.07, 0.1)
    right = [(neck, -0.5), (neck, -0.28), (0.2, -0.1), (0.22, 0.45), (0.18, 0.5)]
    return np.array(right + [(-x, y) for x, y in reversed(right)])


def bag_outline(rng: np.random.Generator) -> Points:
    ear = rng.uniform(-0.52, -0.42)
    right = [(0.14, -0.18), (0.17, ear), (0.3, ear), (0.42, -0.1), (0.36, 0.48)]
    return np.array(right + [(-x, y) for x, y in reversed(right)])


def shirt_outline(rng: np.random.Generator) -> Points:
    sleeve = rng.uniform(-0.1, 0.0)
    right = [(0.1, -0.42), (0.28, -0.42), (0.5, sleeve), (0.38, 0.06), (0.26, -0.1), (0.26, 0.48)]
    return np.array(right + [(-x, y) for x, y in reversed(right)])


SHAPES: dict[ShapeName, Callable[[np.random.Generator], Points]] = {
    "blob": blob_outline,
    "sheet": sheet_outline,
    "gable": gable_outline,
    "capsule": capsule_outline,
    "bottle": bottle_outline,
    "bag": bag_outline,
    "shirt": shirt_outline,
}
