"""Probabilities of a decoder's cells in two bytes each: their logarithms, to 11 bits.

Cells are interpolated in logarithms, where a small probability weighs as much as a large one; roots in one
byte (`seg.probability_codec`) would take the smallest for none. A probability p that comes back is off by about
p |log p| / 2048 at most: by 0.0002.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.labels import ProbabilitiesCHW

LogsCHW = NDArray[np.float16]
"""Natural logarithms of probabilities, float16 `[C, H, W]`."""

_LEAST: Final = np.finfo(np.float32).tiny


def to_logs(probabilities_chw: ProbabilitiesCHW) -> LogsCHW:
    """Of float32 `[C, H, W]`."""
    return np.log(np.maximum(probabilities_chw, _LEAST)).astype(np.float16)


def from_logs(logs_chw: LogsCHW, temperature: float = 1.0) -> ProbabilitiesCHW:
    """Probabilities float32 `[C, H, W]`, which sum to 1 over C; the temperature divides their logits."""
    probabilities_chw: ProbabilitiesCHW = np.exp(logs_chw.astype(np.float32) / np.float32(temperature))
    probabilities_chw /= probabilities_chw.sum(0)
    return probabilities_chw
