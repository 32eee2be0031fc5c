"""The command `seg tune`: find the best mixture of an ensemble on labelled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seg.data.groups import Groups, group_images, independent_images
from seg.errors import SpecError
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.metrics.metric_intervals import metric_interval
from seg.evaluate.tune.cost.budget import Budget
from seg.evaluate.tune.cost.member_study import MemberStudy, study_members
from seg.evaluate.tune.evidence.by_group import Criterion
from seg.evaluate.tune.evidence.candidates import (
    EQUAL,
    SINGLE,
    MixtureCandidate,
    left_out_scores,
    list_mixture_candidates,
)
from seg.evaluate.tune.evidence.choose_departure import (
    ENOUGH_GROUPS,
    choose_departure,
    choose_stacking,
)
from seg.evaluate.tune.evidence.least_area import fit_least_area
from seg.evaluate.tune.evidence.predicted_shares import PixelsIC, describe_predicted_shares
from seg.evaluate.tune.evidence.stacking_offer import describe_stacking_offer, why_no_stacking
from seg.evaluate.tune.fits.class_prior import ClassPrior, count_class_prior
from seg.evaluate.tune.fits.departures import Departures, FittedDeparture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.temperature import MemberCalibration, calibrate_members
from seg.evaluate.tune.fits.useful_views import useful_views_of_members
from seg.evaluate.tune.fits.weights import equal_weights
from seg.evaluate.tune.open_fitted_on import FittedOn, open_images_to_tune
from seg.evaluate.tune.scorer import PixelScorer, label_image, sample_scorer
from seg.evaluate.tune.whole_maps import WholeMaps
from seg.metrics.from_counts import CountedMetric, open_counted_metric
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import TallyC2
from seg.spec import EnsembleSpec
from seg.spec.ensemble.metric import MetricSpec
from seg.spec.ensemble.tuned_on import TunedOnSpec
from seg.terminal.progress import progress


@dataclass(frozen=True, slots=True)
class TuningResult:
    """The results of tuning.

    Attributes:
        passes: of members, or of families if it is fitted on folds.
        metric: what is tuned for.
        groups: of the images; `independent` is about how many independent images they are worth.
        prior: the shares of the classes.
        candidates: by name, from the best member and equal weights to what departs most.
        scores: of these on all images, over all labelled pixels.
        intervals: 95 % bootstrap intervals of these over groups; None for one group.
        selected: the candidate that is expected to be best on other groups.
        images: what the selected candidate predicts on them, for the YAML.
        calibration: of each member at a temperature of 1, and at its fitted one.
        study: of the selected mixture; of all members if that is a single member.
        chosen: the selected mixture, or the best of its sub-ensembles within the budget.
        areas_too: whether a least area was fitted.
        stacking: what became of a stacking, in words.
    """

    passes: LabelledPasses
    on: FittedOn
    metric: MetricSpec
    groups: Groups
    independent: float
    prior: ClassPrior
    criterion: Criterion
    candidates: Mapping[str, MixtureCandidate]
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float] | None]
    selected: MixtureCandidate
    images: TunedOnSpec
    calibration: tuple[MemberCalibration, ...]
    study: MemberStudy
    chosen: Mixture
    areas_too: bool
    stacking: str

    @property
    def written(self) -> Mixture:
        """The chosen mixture, of the members of the spec."""
        return self.passes.of_members(self.chosen)

    @property
    def equal(self) -> MixtureCandidate:
        return self.candidates[EQUAL]

    @property
    def worth_it(self) -> bool:
        """Whether the selected ensemble beats the best member on other groups; True if that is not known."""
        alone, selected = self.candidates[SINGLE].left_out, self.selected.left_out
        if alone is None or selected is None or len(self.selected.mixture.members) == 1:
            return True
        return selected.score > alone.score


def tune_mixture(
    spec: EnsembleSpec,
    cache: ProbabilityCache,
    budget: Budget | None = None,
    criterion: Criterion = "mean",
    on: FittedOn = "val",
) -> TuningResult:
    """Find the mixture that is expected to be best on other groups of images.

    Raises:
        SpecError: there is nothing to select, nothing is within the budget, or an image has no group.
        DataError: the images have no labels or are too few, or a run does not tell what it held out.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    passes = open_images_to_tune(spec, on, cache)
    split = passes.split
    metric = open_counted_metric(spec.metric, split.classes, spec.data.task)
    scorer = sample_scorer(passes, metric)
    whole_maps = WholeMaps(passes, metric, scorer.positions)
    groups = group_images([split.samples[position] for position in scorer.positions], spec.data.group)
    group_i = number_groups(groups.labels)
    views = useful_views_of_members(scorer, group_i)
    prior = count_class_prior(spec, split)
    departures = _departures_on_pixels(scorer, views, whole_maps, group_i, prior, criterion)
    departure = choose_departure(departures, group_i)
    members = int((departures.fit(departure).weights_m > 0).sum())
    no_stacking = why_no_stacking(spec, members, passes.classes, groups.count)
    if not no_stacking:
        departure = choose_stacking(departures, departure)
    equal = _judge_equal(scorer, whole_maps)
    candidates = list_mixture_candidates(
        scorer.views, views, departures, departure, equal, group_i, criterion
    )
    areas_too = _fits_areas(spec, metric, groups)
    if areas_too:
        fits = departures.fits_left_out(departure)
        candidates += _with_least_area(
            candidates[-1], [one.mixture(views) for one in fits], whole_maps, equal, group_i, criterion
        )
    selected = candidates[-1]
    judged = _judge_candidates(whole_maps, candidates)
    several = len(selected.mixture.members) > 1
    studied = replace(selected.mixture if several else candidates[1].mixture, least_area=0, stacking=None)
    study = study_members(scorer, studied, passes.milliseconds)
    chosen = selected.mixture
    if budget:
        affordable = budget.best_of(study.front, min(passes.milliseconds))
        if affordable != studied:
            chosen = replace(affordable, least_area=chosen.least_area)
            no_stacking = no_stacking or "it is of all members and views, and the budget is for fewer"
    return TuningResult(
        passes=passes,
        on=on,
        metric=spec.metric,
        groups=groups,
        independent=independent_images(split.samples),
        prior=prior,
        criterion=criterion,
        candidates={one.name: one for one in candidates},
        scores={name: tallies.score for name, tallies in judged.by_name.items()},
        intervals={
            name: metric_interval(tallies.metric, tallies.by_group(group_i).tallies_ic2)
            for name, tallies in judged.by_name.items()
        },
        selected=selected,
        images=describe_predicted_shares(judged.predicted_ic, group_i, split.classes),
        calibration=tuple(calibrate_members(scorer)),
        study=study,
        chosen=chosen,
        areas_too=areas_too,
        stacking=f"no stacking: {no_stacking}"
        if no_stacking
        else describe_stacking_offer(departures, departure),
    )


def _fits_areas(spec: EnsembleSpec, metric: CountedMetric, groups: Groups) -> bool:
    """Whether a least area is fitted: few pixels count, groups are enough, and no class has its own."""
    own = any("least_area" in rule.model_fields_set for rule in spec.decision.classes.values())
    return metric.needs_whole_maps and groups.count >= ENOUGH_GROUPS and not own


def _departures_on_pixels(
    scorer: PixelScorer,
    views: Sequence[Views],
    whole_maps: WholeMaps,
    group_i: GroupI,
    prior: ClassPrior,
    criterion: Criterion,
) -> Departures:
    """Departures that are fitted on sampled pixels, and judged on these if they say enough of the metric."""

    def judge(fits: Sequence[Sequence[FittedDeparture]]) -> list[ImageTallies]:
        return whole_maps.judge([[one.mixture(views) for one in fit_i] for fit_i in fits])

    pixels = MemberPixels.of(scorer, views)
    judge_fits = judge if scorer.metric.needs_whole_maps else None
    return Departures(pixels, group_i, prior.shares_c, criterion, judge_fits)


def _judge_equal(scorer: PixelScorer, whole_maps: WholeMaps) -> ImageTallies:
    """Equal weights in all views."""
    if scorer.metric.needs_whole_maps:
        equal = Mixture.of([1.0] * len(scorer.views), scorer.views)
        return whole_maps.judge([[equal] * len(scorer.positions)])[0]
    in_all_views = MemberPixels.of(scorer, scorer.views)
    return in_all_views.judge(equal_weights(in_all_views.members))


def _with_least_area(
    chosen: MixtureCandidate,
    mixture_i: Sequence[Mixture],
    whole_maps: WholeMaps,
    equal: ImageTallies,
    group_i: GroupI,
    criterion: Criterion,
) -> list[MixtureCandidate]:
    """The chosen candidate with a least area, if that gains on groups that were left out."""
    pixels = whole_maps.passes.labels(whole_maps.positions[0]).size
    found = fit_least_area(mixture_i, whole_maps.judge, pixels, group_i, criterion)
    if found is None:
        return []
    area, judged = found
    mixture = replace(chosen.mixture, least_area=area)
    left_out = left_out_scores(judged, equal, group_i, criterion)
    return [MixtureCandidate(f"regions of at least {area} pixels", mixture, left_out)]


@dataclass(frozen=True, slots=True)
class _JudgedCandidates:
    """Tallies of each candidate over all pixels, and the pixels that the last one predicts each class for."""

    by_name: Mapping[str, ImageTallies]
    predicted_ic: PixelsIC


def _judge_candidates(whole_maps: WholeMaps, candidates: Sequence[MixtureCandidate]) -> _JudgedCandidates:
    passes, metric = whole_maps.passes, whole_maps.metric.metric
    mixtures = list(dict.fromkeys(one.mixture for one in candidates))
    tallies: dict[Mixture, list[TallyC2]] = {mixture: [] for mixture in mixtures}
    predicted: list[NDArray[np.int64]] = []
    with progress("judge", len(whole_maps.positions), unit="images") as advance:
        for image in whole_maps.positions:
            truth_hw = passes.labels(image)
            labels = dict(zip(mixtures, label_image(passes, mixtures, image), strict=True))
            for mixture, labels_hw in labels.items():
                tallies[mixture].append(whole_maps.tally(truth_hw, labels_hw))
            predicted.append(np.bincount(labels[candidates[-1].mixture].ravel(), minlength=passes.classes))
            advance()
    by_name = {one.name: ImageTallies(metric, np.stack(tallies[one.mixture])) for one in candidates}
    if np.isnan(by_name[EQUAL].score):
        raise SpecError(f"metric: {metric.name}: had nothing to judge in any image")
    return _JudgedCandidates(by_name, np.stack(predicted))
