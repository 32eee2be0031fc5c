"""Which members, with which weights: judged on sampled pixels of groups that were left out."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.overlapping.fit_weights import TRUST, fit_weights
from seg.evaluate.tune.overlapping.left_out import fit_without_each
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds
from seg.metrics.from_counts import Counts, Tallies, class_score
from seg.metrics.metric import TalliesIC2

WEIGHTS: Final = f"weights at {TRUST:g}"

WeightsM = NDArray[np.float64]


def fits_of_weights(tallies: Tallies, count: int) -> dict[str, Callable[[SampledMembers], WeightsM]]:
    """The mixtures of so many members that are compared, by name."""

    def best_member(members: SampledMembers) -> WeightsM:
        alone_mm = np.eye(members.members)
        return np.asarray(alone_mm[np.argmax([members.score(one_m, tallies) for one_m in alone_mm])])

    def equal(members: SampledMembers) -> WeightsM:
        return np.full(members.members, 1 / members.members)

    if count == 1:
        return {EQUAL: equal}
    return {SINGLE: best_member, EQUAL: equal, WEIGHTS: lambda members: fit_weights(members, tallies)}


def judge_weights(
    members: SampledMembers, fit: Callable[[SampledMembers], WeightsM], fold_i: GroupI, tallies: Tallies
) -> TalliesIC2:
    """Tallies of each image, with weights and thresholds that are fitted on other folds."""
    images, classes = members.truth_cin.shape[1], len(members.truth_cin)
    judged = np.zeros((images, classes, 2))
    for fold, weights_m in enumerate(fit_without_each(fold_i, lambda i: fit(members.of_images(i)))):
        left_out_i = fold_i == fold
        for label in range(classes):
            merged_in = np.tensordot(
                weights_m.astype(np.float32), members.probabilities_mcin[:, label].astype(np.float32), 1
            )
            counts = count_at_thresholds(merged_in, members.truth_cin[label])
            best = _best_threshold(_of_images(counts, ~left_out_i), tallies)
            part, whole = tallies(_of_images(counts, left_out_i))
            judged[left_out_i, label] = np.stack([part[best], whole[best]], axis=1)
    return judged


def _best_threshold(counts: Counts, tallies: Tallies) -> int:
    scores_t = class_score(tallies, counts)
    return int(np.nanargmax(scores_t)) if np.isfinite(scores_t).any() else len(scores_t) // 2


def _of_images(counts: Counts, chosen_i: NDArray[np.bool_]) -> Counts:
    return Counts(*(values[..., chosen_i] for values in counts))
