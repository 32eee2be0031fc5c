"""The command `seg tune`: find the best mixture of an ensemble on its validation images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.groups import Groups, group_images, independent_images
from seg.errors import DataError, SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes, open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.segmentation import intervals_of
from seg.evaluate.tune.cost.budget import Budget
from seg.evaluate.tune.cost.importance import MemberValue, disagreement, value_members
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, pareto_front, price_sub_ensembles
from seg.evaluate.tune.evidence.by_group import Criterion, number_groups, sum_by_group
from seg.evaluate.tune.evidence.candidates import (
    EQUAL,
    SINGLE,
    Candidate,
    choose_candidate,
    list_candidates,
)
from seg.evaluate.tune.evidence.choose_departure import choose_departure
from seg.evaluate.tune.fits.class_prior import ClassPrior, count_prior
from seg.evaluate.tune.fits.departures import Departures
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.temperature import MemberCalibration, calibrate_members
from seg.evaluate.tune.fits.useful_views import useful_views
from seg.evaluate.tune.scorer import CountsICC, count_all, miou, sample_pixels
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress

MIN_IMAGES: Final = 4


@dataclass(frozen=True, slots=True)
class Tuned:
    """The results of tuning.

    Attributes:
        groups: of the validation images; `independent` is about how many independent images they are worth.
        prior: the shares of the classes.
        candidates: by name, from the best member and equal weights to what departs most.
        mious: of these on all images, over all labelled pixels.
        intervals: 95 % bootstrap intervals of these over groups.
        selected: the candidate that is expected to be best on other groups.
        calibration: of each member at a temperature of 1, and at its fitted one.
        values: of the members of the selected mixture; of all members if that is a single member.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        priced: sub-ensembles of that mixture.
        front: the Pareto front of these.
        chosen: the selected mixture, or the best of its sub-ensembles within the budget.
    """

    passes: Passes
    groups: Groups
    independent: float
    prior: ClassPrior
    criterion: Criterion
    candidates: Mapping[str, Candidate]
    mious: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    selected: Candidate
    calibration: tuple[MemberCalibration, ...]
    values: tuple[MemberValue, ...]
    disagreement: NDArray[np.float64]
    priced: tuple[SubEnsemble, ...]
    front: tuple[SubEnsemble, ...]
    chosen: Mixture

    @property
    def equal(self) -> Candidate:
        return self.candidates[EQUAL]

    @property
    def worth_it(self) -> bool:
        """Whether the selected ensemble beats the best member on other groups; True if that is not known."""
        alone, selected = self.candidates[SINGLE].left_out, self.selected.left_out
        if alone is None or selected is None or len(self.selected.mixture.members) == 1:
            return True
        return selected.score > alone.score


def tune(
    spec: EnsembleSpec,
    cache: ProbabilityCache,
    budget: Budget | None = None,
    criterion: Criterion = "mean",
) -> Tuned:
    """Find the mixture that is expected to be best on other groups of images.

    Raises:
        SpecError: there is nothing to select, nothing is within the budget, or an image has no group.
        DataError: the validation split has no labels or too few images.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    spec = with_dropped_members(spec)
    split = open_split(spec.data, "val")
    _check_enough(spec, len(split.samples))
    passes = open_passes(spec, split, cache)
    scorer = sample_pixels(passes)
    groups = group_images([split.samples[position] for position in scorer.positions], spec.data.group)
    group_i = number_groups(groups.labels)
    views = useful_views(scorer, group_i)
    prior = count_prior(spec, split)
    departures = Departures(MemberPixels.of(scorer, views), group_i, prior.shares_c)
    departure = choose_departure(departures, group_i, criterion)
    candidates = list_candidates(scorer, views, departures, departure, group_i, criterion)
    selected = choose_candidate(candidates)
    counts = _count(passes, candidates, scorer.positions)
    several = len(selected.mixture.members) > 1
    studied = selected.mixture if several else candidates[1].mixture
    priced = tuple(price_sub_ensembles(scorer, studied, passes.milliseconds))
    front = tuple(pareto_front(priced))
    return Tuned(
        passes=passes,
        groups=groups,
        independent=independent_images(split.samples),
        prior=prior,
        criterion=criterion,
        candidates={one.name: one for one in candidates},
        mious={name: miou(counts_icc) for name, counts_icc in counts.items()},
        intervals={
            name: intervals_of(sum_by_group(counts_icc, group_i)).miou for name, counts_icc in counts.items()
        },
        selected=selected,
        calibration=tuple(calibrate_members(scorer)),
        values=tuple(value_members(scorer, studied)),
        disagreement=disagreement(scorer),
        priced=priced,
        front=front,
        chosen=budget.best_of(front, min(passes.milliseconds)) if budget else selected.mixture,
    )


def with_dropped_members(spec: EnsembleSpec) -> EnsembleSpec:
    """The spec with members that an earlier tuning gave weight 0."""
    members = tuple(member.model_copy(update={"weight": member.weight or 1.0}) for member in spec.members)
    return spec.model_copy(update={"members": members})


def _check_enough(spec: EnsembleSpec, images: int) -> None:
    if sum(len(spec.views_of(member)) for member in spec.members) == 1:
        raise SpecError("members: one member with one view leaves nothing to select: add members or views")
    if images < MIN_IMAGES:
        raise DataError(
            f"data.val: has {images} images, too few to fit on some and score on others:"
            f" give it at least {MIN_IMAGES}"
        )


def _count(passes: Passes, candidates: Sequence[Candidate], images: Sequence[int]) -> dict[str, CountsICC]:
    """Counts over all pixels of images."""
    mixtures = list(dict.fromkeys(one.mixture for one in candidates))
    counted: dict[Mixture, list[CountsICC]] = {mixture: [] for mixture in mixtures}
    with progress("judge", len(images), unit="images") as advance:
        for image in images:
            counts = count_all(passes, mixtures, [image])
            for mixture, counts_icc in zip(mixtures, counts, strict=True):
                counted[mixture].append(counts_icc)
            advance()
    return {one.name: np.concatenate(counted[one.mixture]) for one in candidates}
