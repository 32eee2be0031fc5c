"""The command `seg tune`: find the best mixture of an ensemble on labelled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.groups import Groups, group_images, independent_images
from seg.errors import DataError, SpecError
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.passes import open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.confusion import ConfusionMatrix, CountsCC
from seg.evaluate.metrics.groups import number_groups, sum_by_group
from seg.evaluate.metrics.segmentation import intervals_of
from seg.evaluate.tune.cost.budget import Budget
from seg.evaluate.tune.cost.importance import MemberValue, disagreement, value_members
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, pareto_front, price_sub_ensembles
from seg.evaluate.tune.evidence.by_group import Criterion
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE, Candidate, list_candidates
from seg.evaluate.tune.evidence.choose_departure import choose_departure
from seg.evaluate.tune.evidence.predicted_shares import PixelsIC, describe_images
from seg.evaluate.tune.fits.class_prior import ClassPrior, count_prior
from seg.evaluate.tune.fits.departures import Departures
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.temperature import MemberCalibration, calibrate_members
from seg.evaluate.tune.fits.useful_views import useful_views
from seg.evaluate.tune.out_of_fold import open_out_of_fold
from seg.evaluate.tune.scorer import CountsICC, label_image, miou, sample_pixels
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.spec.ensemble.tuned_on import TunedOnSpec
from seg.terminal.progress import progress

MIN_IMAGES: Final = 4

FittedOn = Literal["val", "folds"]
"""The images that tuning fits on: those of validation, or the training images out of fold."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The results of tuning.

    Attributes:
        passes: of members, or of families if it is fitted on folds.
        groups: of the images; `independent` is about how many independent images they are worth.
        prior: the shares of the classes.
        candidates: by name, from the best member and equal weights to what departs most.
        mious: of these on all images, over all labelled pixels.
        intervals: 95 % bootstrap intervals of these over groups.
        selected: the candidate that is expected to be best on other groups.
        images: what the selected candidate predicts on them, for the YAML.
        calibration: of each member at a temperature of 1, and at its fitted one.
        values: of the members of the selected mixture; of all members if that is a single member.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        priced: sub-ensembles of that mixture.
        front: the Pareto front of these.
        chosen: the selected mixture, or the best of its sub-ensembles within the budget.
    """

    passes: LabelledPasses
    on: FittedOn
    groups: Groups
    independent: float
    prior: ClassPrior
    criterion: Criterion
    candidates: Mapping[str, Candidate]
    mious: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    selected: Candidate
    images: TunedOnSpec
    calibration: tuple[MemberCalibration, ...]
    values: tuple[MemberValue, ...]
    disagreement: NDArray[np.float64]
    priced: tuple[SubEnsemble, ...]
    front: tuple[SubEnsemble, ...]
    chosen: Mixture

    @property
    def written(self) -> Mixture:
        """The chosen mixture, of the members of the spec."""
        return self.passes.of_members(self.chosen)

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
    on: FittedOn = "val",
) -> Tuned:
    """Find the mixture that is expected to be best on other groups of images.

    Raises:
        SpecError: there is nothing to select, nothing is within the budget, or an image has no group.
        DataError: the images have no labels or are too few, or a run does not tell what it held out.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    passes = _open_folds(spec, cache) if on == "folds" else _open_val(spec, cache)
    split = passes.split
    scorer = sample_pixels(passes)
    groups = group_images([split.samples[position] for position in scorer.positions], spec.data.group)
    group_i = number_groups(groups.labels)
    views = useful_views(scorer, group_i)
    prior = count_prior(spec, split)
    departures = Departures(MemberPixels.of(scorer, views), group_i, prior.shares_c, criterion)
    departure = choose_departure(departures, group_i)
    candidates = list_candidates(scorer, views, departures, departure, group_i, criterion)
    selected = candidates[-1]
    counted = _count(passes, candidates, scorer.positions)
    several = len(selected.mixture.members) > 1
    studied = selected.mixture if several else candidates[1].mixture
    priced = tuple(price_sub_ensembles(scorer, studied, passes.milliseconds))
    front = tuple(pareto_front(priced))
    return Tuned(
        passes=passes,
        on=on,
        groups=groups,
        independent=independent_images(split.samples),
        prior=prior,
        criterion=criterion,
        candidates={one.name: one for one in candidates},
        mious={name: miou(counts_icc) for name, counts_icc in counted.by_name.items()},
        intervals={
            name: intervals_of(sum_by_group(counts_icc, group_i)).miou
            for name, counts_icc in counted.by_name.items()
        },
        selected=selected,
        images=describe_images(counted.predicted_ic, group_i, split.classes),
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


def _open_val(spec: EnsembleSpec, cache: ProbabilityCache) -> LabelledPasses:
    spec = with_dropped_members(spec)
    split = open_split(spec.data, "val")
    _check_enough("val", len(split.samples), [spec.views_of(member) for member in spec.members])
    return open_passes(spec, split, cache)


def _open_folds(spec: EnsembleSpec, cache: ProbabilityCache) -> LabelledPasses:
    passes = open_out_of_fold(spec, cache)
    _check_enough("train", passes.images, passes.views)
    return passes


def _check_enough(split: SplitName, images: int, views: Sequence[Views]) -> None:
    if sum(map(len, views)) == 1:
        raise SpecError("members: one member with one view leaves nothing to select: add members or views")
    if images < MIN_IMAGES:
        raise DataError(
            f"data.{split}: has {images} images, too few to fit on some and score on others:"
            f" give it at least {MIN_IMAGES}"
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts of each candidate over all pixels, and the pixels that the last one predicts each class for."""

    by_name: Mapping[str, CountsICC]
    predicted_ic: PixelsIC


def _count(passes: LabelledPasses, candidates: Sequence[Candidate], images: Sequence[int]) -> _Counted:
    mixtures = list(dict.fromkeys(one.mixture for one in candidates))
    counted: dict[Mixture, list[CountsCC]] = {mixture: [] for mixture in mixtures}
    predicted: list[NDArray[np.int64]] = []
    with progress("judge", len(images), unit="images") as advance:
        for image in images:
            truth_hw = passes.labels(image)
            labels = dict(zip(mixtures, label_image(passes, mixtures, image), strict=True))
            for mixture, labels_hw in labels.items():
                counted[mixture].append(ConfusionMatrix(passes.classes).add(truth_hw, labels_hw).counts_cc)
            predicted.append(np.bincount(labels[candidates[-1].mixture].ravel(), minlength=passes.classes))
            advance()
    return _Counted({one.name: np.stack(counted[one.mixture]) for one in candidates}, np.stack(predicted))
