"""The least area of regions of all classes, where a metric judges each image.

There a few wrong pixels of a class can cost as much as a whole object.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import (
    Criterion,
    folds_of_groups,
    gain_error_across_groups,
    score_by_criterion,
)
from seg.metrics.image_tallies import ImageTallies

AREAS: Final = (16, 64, 256, 1024, 4096)
"""Pixels that regions may need to have."""

MOST: Final = 1 / 64
"""The largest of them, as a share of an image."""

JudgeMixtures = Callable[[Sequence[Sequence[Mixture]]], list[ImageTallies]]
"""Judges images, each decided by a mixture of its own; several times."""


def fit_least_area(
    mixture_i: Sequence[Mixture], judge: JudgeMixtures, pixels: int, group_i: GroupI, criterion: Criterion
) -> tuple[int, ImageTallies] | None:
    """The best least area and how it is judged on groups left out; None if that gains less than its error.

    Args:
        mixture_i: for each image, the mixture that was fitted on the groups of other folds.
        pixels: of an image.
    """
    areas = (0, *(area for area in AREAS if area <= MOST * pixels))
    judged = judge([[replace(one, least_area=area) for one in mixture_i] for area in areas])
    fold_i = folds_of_groups(group_i)
    left_out = judged[0].tallies_ic2.copy()
    for fold in range(int(fold_i.max()) + 1):
        is_in_i = fold_i == fold
        best = _index_of_best_area([one.of_images(~is_in_i) for one in judged], group_i[~is_in_i], criterion)
        left_out[is_in_i] = judged[best].tallies_ic2[is_in_i]
    fitted = replace(judged[0], tallies_ic2=left_out)
    gain = score_by_criterion(fitted, group_i, criterion) - score_by_criterion(judged[0], group_i, criterion)
    area = areas[_index_of_best_area(judged, group_i, criterion)]
    if not area or not gain > gain_error_across_groups(fitted, judged[0], group_i, criterion):
        return None
    return area, fitted


def _index_of_best_area(judged: Sequence[ImageTallies], group_i: GroupI, criterion: Criterion) -> int:
    """The first of the best."""
    numbers = np.unique(group_i, return_inverse=True)[1]
    return int(np.nanargmax([score_by_criterion(one, numbers, criterion) for one in judged]))
