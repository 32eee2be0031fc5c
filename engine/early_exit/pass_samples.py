"""Probabilities of each pass at sampled pixels, from which good orders of passes are found."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.member import Member
from seg.engine.merging.decoder_grid import run_to_decoder_grid, upsample_from_decoder_grid
from seg.engine.passes.finite import is_finite, not_finite_error
from seg.engine.passes.passes import PassOrder
from seg.engine.passes.views import View
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW

MAX_PIXELS: Final = 20_000
"""The most pixels that are sampled from an image."""

PassSamples = NDArray[np.float32]
"""Probabilities of each pass at sampled pixels, float32 `[passes, C, pixels]`."""

MergeShares = NDArray[np.float64]
"""The share of each pass in the merge, for each class, float64 `[passes, C]`."""


def sample_passes(
    members: Sequence[Member],
    pass_order: PassOrder,
    images: Iterable[tuple[str, ImageHWB]],
    factors: tuple[float, ...] = (),
) -> list[PassSamples]:
    """Run every pass on each image and sample pixels evenly; class factors are applied.

    Args:
        members: those of the pass order.
        pass_order: all passes of an image.
        images: each with its name, which may be empty.
        factors: the factor of each class in the decision.

    Raises:
        ModelError: the probabilities of a member for an image are not finite.
    """
    samples = [_sample_image(members, pass_order, name, image_hwc) for name, image_hwc in images]
    if factors:
        samples = [of_image * np.array(factors, dtype=np.float32)[:, None] for of_image in samples]
    return samples


def merge_shares_of_passes(pass_order: PassOrder, classes: int) -> MergeShares:
    """The share of each pass in the merge, for each class."""
    return np.array([[planned.share_of(label) for label in range(classes)] for planned in pass_order])


def _sample_image(
    members: Sequence[Member], pass_order: PassOrder, name: str, image_hwc: ImageHWB
) -> PassSamples:
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, -(-pixels // MAX_PIXELS))
    rows = []
    for planned in pass_order:
        member = members[planned.member]
        upright_chw = _run_sampled_pass(member, planned.view, image_hwc)
        if not is_finite(upright_chw):
            raise not_finite_error(member.name, name)
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)


def _run_sampled_pass(member: Member, view: View, image_hwc: ImageHWB) -> ProbabilitiesCHW:
    """A pass's probabilities in the image's orientation and size."""
    size_hw = image_hwc.shape[:2]
    if member.decoder:
        return upsample_from_decoder_grid(
            run_to_decoder_grid(member.runtime, member.decoder, view, image_hwc), member.decoder, size_hw
        )
    view_hwc = np.ascontiguousarray(view.apply(image_hwc))
    return view.restore_all(member.runtime.run(view_hwc[None])[0], size_hw)
