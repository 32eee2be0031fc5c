"""Probabilities of each pass at sampled pixels, from which good orders of passes are found."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.finite import is_finite, not_finite
from seg.engine.passes.passes import PassOrder
from seg.engine.runtimes.base import Runtime
from seg.labels import ImageHWC

MAX_PIXELS: Final = 20_000
"""The most pixels that are sampled from an image."""

PassSamples = NDArray[np.float32]
"""Probabilities of each pass at sampled pixels, float32 `[passes, C, pixels]`."""

Shares = NDArray[np.float64]
"""The share of each pass in the merge, for each class, float64 `[passes, C]`."""


def sample_passes(
    runtimes: Sequence[Runtime],
    pass_order: PassOrder,
    images: Iterable[ImageHWC],
    factors: tuple[float, ...] = (),
) -> list[PassSamples]:
    """Run every pass on each image and sample pixels evenly; class factors are applied."""
    samples = [_sample_image(runtimes, pass_order, image_hwc) for image_hwc in images]
    if factors:
        samples = [of_image * np.array(factors, dtype=np.float32)[:, None] for of_image in samples]
    return samples


def pass_shares(pass_order: PassOrder, classes: int) -> Shares:
    """The share of each pass in the merge, for each class."""
    return np.array([[planned.share_of(label) for label in range(classes)] for planned in pass_order])


def _sample_image(runtimes: Sequence[Runtime], pass_order: PassOrder, image_hwc: ImageHWC) -> PassSamples:
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, max(1, pixels // MAX_PIXELS))
    rows = []
    for planned in pass_order:
        view_hwc = np.ascontiguousarray(planned.view.apply(image_hwc))
        probabilities_chw = runtimes[planned.member].run(view_hwc[None])[0]
        if not is_finite(probabilities_chw):
            raise not_finite(f"member {planned.member + 1}", "")
        upright_chw = planned.view.restore_all(probabilities_chw, image_hwc.shape[:2])
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)
