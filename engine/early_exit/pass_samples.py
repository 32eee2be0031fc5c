"""What each pass of an ensemble says of some pixels: to find good orders of passes."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.finite import is_finite, not_finite
from seg.engine.passes.passes import Plan
from seg.engine.runtimes.base import Runtime
from seg.labels import ImageHWC

PIXELS: Final = 20_000
"""How many pixels of an image are looked at, at most, to tell what a pass adds."""

PassSamples = NDArray[np.float32]
"""What each pass says of some pixels, float32 `[passes, C, pixels]`."""

Shares = NDArray[np.float64]
"""The share of each pass in the merge, for each class, float64 `[passes, C]`."""


def sample_passes(
    runtimes: Mapping[str, Runtime],
    plan: Plan,
    images: Iterable[tuple[str, ImageHWC]],
    factors: tuple[float, ...] = (),
) -> list[PassSamples]:
    """What each pass says of pixels spread evenly over each image, times what each class counts.

    Args:
        runtimes: a loaded model for each member that the plan speaks of, by its name and in their order.
        plan: all passes of an image.
        images: each with its name, or with none.
        factors: what each class counts in the decision.

    Raises:
        ModelError: what a member gives for an image is not finite.
    """
    said = [_answers(runtimes, plan, name, image_hwc) for name, image_hwc in images]
    if factors:
        said = [answers * np.array(factors, dtype=np.float32)[:, None] for answers in said]
    return said


def pass_shares(plan: Plan, classes: int) -> Shares:
    """The shares of a plan's passes."""
    return np.array([[planned.share_of(label) for label in range(classes)] for planned in plan])


def _answers(runtimes: Mapping[str, Runtime], plan: Plan, name: str, image_hwc: ImageHWC) -> PassSamples:
    members = list(runtimes)
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, max(1, pixels // PIXELS))
    rows = []
    for planned in plan:
        seen_hwc = np.ascontiguousarray(planned.view.apply(image_hwc))
        answer_chw = runtimes[members[planned.member]].run(seen_hwc[None])[0]
        if not is_finite(answer_chw):
            raise not_finite(members[planned.member], name)
        upright_chw = planned.view.restore_all(answer_chw, image_hwc.shape[:2])
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)
