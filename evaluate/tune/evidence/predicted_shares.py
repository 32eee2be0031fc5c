"""What a mixture predicts on the images that it was fitted on, to be compared with other images."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import blocks_of_images
from seg.labels.classes import ClassInfo
from seg.spec.ensemble.tuned_on import TunedOnSpec, distance_of_class_shares

DIGITS: Final = 4

PixelsIC = NDArray[np.int64]
"""The number of pixels that each class is predicted for in each image."""


def describe_predicted_shares(
    predicted_ic: PixelsIC, group_i: GroupI, classes: Sequence[ClassInfo]
) -> TunedOnSpec:
    """The shares of classes, and how far groups differ in them; of one group, blocks of images."""
    shares = (predicted_ic.sum(0) / predicted_ic.sum()).tolist()
    return TunedOnSpec(
        images=len(predicted_ic),
        spread=round(spread_of_predicted_shares(predicted_ic, group_i), DIGITS),
        classes={info.name: round(share, DIGITS) for info, share in zip(classes, shares, strict=True)},
    )


def spread_of_predicted_shares(predicted_ic: PixelsIC, group_i: GroupI) -> float:
    """The distance between the group that differs most in the shares of classes, and all others."""
    part_i = group_i if group_i.max() else blocks_of_images(len(group_i))
    pixels_gc = np.stack([predicted_ic[part_i == part].sum(0) for part in range(int(part_i.max()) + 1)])
    others_gc = pixels_gc.sum(0) - pixels_gc
    return max(
        distance_of_class_shares((own_c / own_c.sum()).tolist(), (others_c / others_c.sum()).tolist())
        for own_c, others_c in zip(pixels_gc, others_gc, strict=True)
    )
