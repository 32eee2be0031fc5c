"""Probabilities of each pass at sampled pixels, from which good orders of passes are found."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.finite import is_finite, not_finite
from seg.engine.passes.passes import PassOrder
from seg.engine.runtimes.base import Runtime
from seg.image_type import ImageHWB

MAX_PIXELS: Final = 20_000
"""The most pixels that are sampled from an image."""

PassSamples = NDArray[np.float32]
"""Probabilities of each pass at sampled pixels, float32 `[passes, C, pixels]`."""

Shares = NDArray[np.float64]
"""The share of each pass in the merge, for each class, float64 `[passes, C]`."""


def sample_passes(
    runtimes: Mapping[str, Runtime],
    pass_order: PassOrder,
    images: Iterable[tuple[str, ImageHWB]],
    factors: tuple[float, ...] = (),
) -> list[PassSamples]:
    """Run every pass on each image and sample pixels evenly; class factors are applied.

    Args:
        runtimes: a loaded model for each member of the pass order, by its name and in their order.
        pass_order: all passes of an image.
        images: each with its name, which may be empty.
        factors: the factor of each class in the decision.

    Raises:
        ModelError: the probabilities of a member for an image are not finite.
    """
    samples = [_sample_image(runtimes, pass_order, name, image_hwc) for name, image_hwc in images]
    if factors:
        samples = [of_image * np.array(factors, dtype=np.float32)[:, None] for of_image in samples]
    return samples


def pass_shares(pass_order: PassOrder, classes: int) -> Shares:
    """The share of each pass in the merge, for each class."""
    return np.array([[planned.share_of(label) for label in range(classes)] for planned in pass_order])


def _sample_image(
    runtimes: Mapping[str, Runtime], pass_order: PassOrder, name: str, image_hwc: ImageHWB
) -> PassSamples:
    members = list(runtimes)
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, max(1, pixels // MAX_PIXELS))
    rows = []
    for planned in pass_order:
        member = members[planned.member]
        view_hwc = np.ascontiguousarray(planned.view.apply(image_hwc))
        probabilities_chw = runtimes[member].run(view_hwc[None])[0]
        if not is_finite(probabilities_chw):
            raise not_finite(member, name)
        upright_chw = planned.view.restore_all(probabilities_chw, image_hwc.shape[:2])
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)
