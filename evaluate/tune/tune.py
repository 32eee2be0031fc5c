"""The command `seg tune`: find the best mixture of an ensemble on its validation images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.errors import DataError, SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes, open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.segmentation import intervals_of
from seg.evaluate.tune.budget import Budget
from seg.evaluate.tune.fit import BY_CLASS, FITS, OTHER_MERGES
from seg.evaluate.tune.importance import MemberValue, disagreement, value_members
from seg.evaluate.tune.scorer import CountsICC, count_all, miou, sample_pixels
from seg.evaluate.tune.select_fit import EQUAL, Selection, is_worth_its_cost, select_fit
from seg.evaluate.tune.split_half import SplitHalfResults, random_splits, split_half_validation
from seg.evaluate.tune.sub_ensembles import SubEnsemble, pareto_front, price_sub_ensembles
from seg.evaluate.tune.temperature import MemberCalibration, calibrate_members
from seg.progress import progress
from seg.spec import EnsembleSpec

MIN_IMAGES: Final = 4


@dataclass(frozen=True, slots=True)
class Tuned:
    """The results of tuning.

    Attributes:
        mixtures: of each fit on all images, by the fit's name.
        mious: of these on all images, over all labelled pixels.
        intervals: 95 % bootstrap intervals of these over images.
        trials: split-half results of all fits.
        verdict: the selected fit.
        worth_it: whether it beats the best member by more than the noise.
        calibration: of each member at a temperature of 1, and at its fitted one.
        values: of the members of the selected mixture; of all members if that is a single member.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        priced: sub-ensembles of that mixture.
        front: the Pareto front of these.
        chosen: the selected mixture, or the best of its sub-ensembles within the budget.
    """

    passes: Passes
    mixtures: Mapping[str, Mixture]
    mious: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    trials: SplitHalfResults
    selection: Selection
    worth_it: bool
    calibration: tuple[MemberCalibration, ...]
    values: tuple[MemberValue, ...]
    disagreement: NDArray[np.float64]
    priced: tuple[SubEnsemble, ...]
    front: tuple[SubEnsemble, ...]
    chosen: Mixture


def tune(spec: EnsembleSpec, cache: ProbabilityCache, budget: Budget | None = None) -> Tuned:
    """Find the best mixture.

    Raises:
        SpecError: there is nothing to select, or nothing is within the budget.
        DataError: the validation split has no labels or too few images.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    spec = _with_dropped_members(spec)
    split = open_split(spec.data, "val")
    _check_enough(spec, len(split.samples))
    passes = open_passes(spec, split, cache)
    scorer = sample_pixels(passes)
    # Early exit, merging of low-resolution probabilities and members that know some classes need the mean.
    only_mean = spec.stopping or passes.at_decoder or passes.coverage
    left_out = (OTHER_MERGES if only_mean else frozenset()) | (BY_CLASS if passes.coverage else frozenset())
    fits = {name: fit for name, fit in FITS.items() if name not in left_out}
    trials = split_half_validation(scorer, fits, random_splits(len(scorer.labels_in)))
    mixtures = {name: fit(scorer) for name, fit in fits.items()}
    counts = _count(passes, mixtures)
    mious = {name: miou(counts_icc) for name, counts_icc in counts.items()}
    selection = select_fit(trials, mious)
    chosen = mixtures[selection.name]
    studied = chosen if len(chosen.members) > 1 else mixtures[EQUAL]
    priced = tuple(price_sub_ensembles(scorer, studied, passes.milliseconds))
    front = tuple(pareto_front(priced))
    return Tuned(
        passes=passes,
        mixtures=mixtures,
        mious=mious,
        intervals={name: intervals_of(counts_icc).miou for name, counts_icc in counts.items()},
        trials=trials,
        selection=selection,
        worth_it=is_worth_its_cost(trials, selection.name),
        calibration=tuple(calibrate_members(scorer)),
        values=tuple(value_members(scorer, studied)),
        disagreement=disagreement(scorer),
        priced=priced,
        front=front,
        chosen=budget.best_of(front, min(passes.milliseconds)) if budget else chosen,
    )


def _with_dropped_members(spec: EnsembleSpec) -> EnsembleSpec:
    """The spec with members that an earlier tuning gave weight 0."""
    members = tuple(member.model_copy(update={"weight": member.weight or 1.0}) for member in spec.members)
    return spec.model_copy(update={"members": members})


def _check_enough(spec: EnsembleSpec, images: int) -> None:
    if sum(len(spec.views_of(member)) for member in spec.members) == 1:
        raise SpecError("members: one member with one view leaves nothing to select: add members or views")
    if images < MIN_IMAGES:
        raise DataError(
            f"data.val: has {images} images, too few to fit on one half and score on the other:"
            f" give it at least {MIN_IMAGES}"
        )


def _count(passes: Passes, mixtures: Mapping[str, Mixture]) -> dict[str, CountsICC]:
    """Counts over all pixels of all images."""
    counted: dict[str, list[CountsICC]] = {name: [] for name in mixtures}
    with progress("judge", passes.images, unit="images") as advance:
        for image in range(passes.images):
            counts = count_all(passes, list(mixtures.values()), [image])
            for name, counts_icc in zip(mixtures, counts, strict=True):
                counted[name].append(counts_icc)
            advance()
    return {name: np.concatenate(parts) for name, parts in counted.items()}
