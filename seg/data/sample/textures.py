"""Textures: brightness in 0..1 at coordinates u and v, which turn and grow with the object."""

import colorsys
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
TextureName = Literal["speckle", "stripes", "lines", "sheen", "plain", "dots", "waves", "halves", "plaid"]


def speckle(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return rng.random(u.shape)


def stripes(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _square_wave(u + v, 5.0)


def lines(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _plane(1.0 - 0.8 * (np.mod(v * 9.0, 1.0) < 0.3))


def sheen(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _plane(0.15 + 0.85 * np.exp(-(((u + 0.08) / 0.09) ** 2)))


def plain(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return np.full(u.shape, 0.6)


def dots(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    across, down = np.mod(u * 7.0, 1.0) - 0.5, np.mod(v * 7.0, 1.0) - 0.5
    return _plane(1.0 - 0.7 * (across**2 + down**2 < 0.09))


def waves(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _plane(0.5 + 0.5 * np.sin(2 * np.pi * (5.0 * u + 0.5 * np.sin(9.0 * v))))


def halves(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _plane(np.where(u > 0.15, 1.0, 0.1))


def plaid(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _plane(0.5 * _square_wave(u, 5.0) + 0.5 * _square_wave(v, 5.0))


def _plane(values: Any) -> Plane:
    return np.asarray(values, dtype=np.float64)


def _square_wave(x: Plane, frequency: float) -> Plane:
    return _plane(np.mod(x * frequency, 1.0) < 0.5)


def clouds(size_hw: tuple[int, int], rng: np.random.Generator, cell: int) -> Plane:
    """Smooth noise in 0..1 with features of about `cell` pixels."""
    height, width = size_hw
    coarse = rng.random((height // cell + 2, width // cell + 2))
    return _plane(np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1))


TEXTURES: dict[TextureName, Callable[[Plane, Plane, np.random.Generator], Plane]] = {
    "speckle": speckle,
    "stripes": stripes,
    "lines": lines,
    "sheen": sheen,
    "plain": plain,
    "dots": dots,
    "waves": waves,
    "halves": halves,
    "plaid": plaid,
}


def two_tones(rng: np.random.Generator, contrast: float, hue: float | None = None) -> tuple[Plane, Plane]:
    """A dark and a light tone of one hue, in 0..1; by default a random one."""
    hue, saturation = rng.random() if hue is None else hue % 1, rng.uniform(0.05, 0.6)
    dark = rng.uniform(0.15, 0.85 - contrast)
    tones = [colorsys.hsv_to_rgb(hue, saturation, value) for value in (dark, dark + contrast)]
    return np.array(tones[0]), np.array(tones[1])
