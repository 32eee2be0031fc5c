"""Textures: brightness in 0..1 at coordinates u and v, which turn and grow with the object."""

import colorsys
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
TextureName = Literal["speckle", "stripes", "lines", "sheen", "plain", "dots", "waves", "halves", "plaid"]


def speckle_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return rng.random(u.shape)


def stripes_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _square_wave_texture(u + v, 5.0)


def lines_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _texture_plane(1.0 - 0.8 * (np.mod(v * 9.0, 1.0) < 0.3))


def sheen_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _texture_plane(0.15 + 0.85 * np.exp(-(((u + 0.08) / 0.09) ** 2)))


def plain_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return np.full(u.shape, 0.6)


def dots_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    across, down = np.mod(u * 7.0, 1.0) - 0.5, np.mod(v * 7.0, 1.0) - 0.5
    return _texture_plane(1.0 - 0.7 * (across**2 + down**2 < 0.09))


def waves_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _texture_plane(0.5 + 0.5 * np.sin(2 * np.pi * (5.0 * u + 0.5 * np.sin(9.0 * v))))


def halves_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _texture_plane(np.where(u > 0.15, 1.0, 0.1))


def plaid_texture(u: Plane, v: Plane, rng: np.random.Generator) -> Plane:
    return _texture_plane(0.5 * _square_wave_texture(u, 5.0) + 0.5 * _square_wave_texture(v, 5.0))


def _texture_plane(values: Any) -> Plane:
    return np.asarray(values, dtype=np.float64)


def _square_wave_texture(x: Plane, frequency: float) -> Plane:
    return _texture_plane(np.mod(x * frequency, 1.0) < 0.5)


def cloud_texture(size_hw: tuple[int, int], rng: np.random.Generator, cell: int) -> Plane:
    """Smooth noise in 0..1 with features of about `cell` pixels."""
    height, width = size_hw
    coarse = rng.random((height // cell + 2, width // cell + 2))
    return _texture_plane(np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1))


TEXTURES: dict[TextureName, Callable[[Plane, Plane, np.random.Generator], Plane]] = {
    "speckle": speckle_texture,
    "stripes": stripes_texture,
    "lines": lines_texture,
    "sheen": sheen_texture,
    "plain": plain_texture,
    "dots": dots_texture,
    "waves": waves_texture,
    "halves": halves_texture,
    "plaid": plaid_texture,
}


def two_texture_tones(
    rng: np.random.Generator, contrast: float, hue: float | None = None
) -> tuple[Plane, Plane]:
    """A dark and a light tone of one hue, in 0..1; by default a random one."""
    hue, saturation = rng.random() if hue is None else hue % 1, rng.uniform(0.05, 0.6)
    dark = rng.uniform(0.15, 0.85 - contrast)
    tones = [colorsys.hsv_to_rgb(hue, saturation, value) for value in (dark, dark + contrast)]
    return np.array(tones[0]), np.array(tones[1])
