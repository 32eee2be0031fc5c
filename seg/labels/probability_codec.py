"""A compact encoding of probabilities, in one byte each: levels.

The square root of a probability, to the nearest 1/255. Roots keep small probabilities apart,
which a temperature above 1 raises again. The error is at most about the root of p over 255: 0.004 near 1,
0.0004 near 0.01.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.labels.label_map import ProbabilitiesCHW

LevelsCHW = NDArray[np.uint8]
"""Roots of probabilities times 255, uint8 `[C, H, W]`."""

HIGHEST: Final = 255
_ROOTS: Final = np.arange(HIGHEST + 1, dtype=np.float64) / HIGHEST


def probabilities_to_levels(probabilities_chw: ProbabilitiesCHW) -> LevelsCHW:
    """The nearest levels, of float32 `[C, H, W]`."""
    return np.rint(np.sqrt(probabilities_chw) * np.float32(HIGHEST)).astype(np.uint8)


def probabilities_from_levels(levels_chw: LevelsCHW, temperature: float = 1.0) -> ProbabilitiesCHW:
    """Probabilities float32 `[C, H, W]`, which sum to 1 over C; the temperature divides their logits."""
    powers = (_ROOTS ** (2 / temperature)).astype(np.float32)
    probabilities_chw: ProbabilitiesCHW = powers[np.ascontiguousarray(levels_chw)]
    probabilities_chw /= probabilities_chw.sum(0)
    return probabilities_chw


def sigmoid_probabilities_from_levels(levels_chw: LevelsCHW, temperature: float = 1.0) -> ProbabilitiesCHW:
    """The same of classes that overlap, each with a probability of its own."""
    there, not_there = ((values ** (1 / temperature)) for values in (_ROOTS**2, 1 - _ROOTS**2))
    return np.asarray((there / (there + not_there)).astype(np.float32)[np.ascontiguousarray(levels_chw)])
