"""`seg tune` for classes that overlap: views, weights and temperatures, then the rules of classes.

Everything is fitted on labelled images and judged by the spec's metric on groups of them that were left out
of the fit. A kind of rule is kept if it gains more than its standard error over what was kept before.
"""

from dataclasses import dataclass, replace

from seg.data.groups import Groups, group_images
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.cost.budget import Budget
from seg.evaluate.tune.cost.member_study import MemberStudy, study_members
from seg.evaluate.tune.evidence.by_group import Criterion, blocks_of_images
from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS
from seg.evaluate.tune.fits.temperature import MemberCalibration
from seg.evaluate.tune.open_fitted_on import FittedOn, open_images_to_tune
from seg.evaluate.tune.overlapping.fit_rules import with_fitted_rule
from seg.evaluate.tune.overlapping.judge_decisions import Rules
from seg.evaluate.tune.overlapping.judge_mixtures import JudgedMixture, JudgedMixtures, judge_mixtures
from seg.evaluate.tune.overlapping.judge_rules import JudgedRules, judge_rules
from seg.evaluate.tune.overlapping.sampled_members import SampledPasses, sample_member_passes
from seg.evaluate.tune.overlapping.temperatures import calibrate_sigmoids
from seg.evaluate.tune.overlapping.tuning_images import TuningImages
from seg.metrics.from_counts import open_counted_metric
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import ClassRule, rules_of_classes
from seg.spec.ensemble.metric import MetricSpec


@dataclass(frozen=True, slots=True)
class TunedOverlapping:
    """What was compared, and the best of it: `chosen` and `rules`.

    Attributes:
        passes: of members, or of families if it is fitted on folds.
        metric: what is tuned for.
        calibration: of each member at a temperature of 1, and at its fitted one.
        study: of the members of the mixture; of all members with equal weights if that is a single member.
        chosen: the mixture, or the best of its sub-ensembles within the budget.
    """

    passes: LabelledPasses
    on: FittedOn
    metric: MetricSpec
    groups: Groups
    criterion: Criterion
    mixtures: JudgedMixtures
    mixture: JudgedMixture
    calibration: tuple[MemberCalibration, ...]
    study: MemberStudy
    chosen: Mixture
    steps: tuple[JudgedRules, ...]

    @property
    def written(self) -> Mixture:
        """The chosen mixture, of the members of the spec."""
        return self.passes.of_members(self.chosen)

    @property
    def kept(self) -> tuple[JudgedRules, ...]:
        """The steps that were kept, in their order."""
        return tuple(step for step in self.steps if step.is_kept)

    @property
    def rules(self) -> Rules:
        return self.kept[-1].rules

    @property
    def left_out(self) -> float:
        """The score of groups left out by what was kept."""
        return self.kept[-1].left_out

    @property
    def beats_nothing(self) -> bool:
        """Whether it scores more than empty masks."""
        return self.left_out > self.mixtures.nothing


def tune_overlapping(
    spec: EnsembleSpec,
    cache: ProbabilityCache,
    budget: Budget | None = None,
    criterion: Criterion = "mean",
    on: FittedOn = "val",
) -> TunedOverlapping:
    """Find the mixture and the rules that are expected to be best on other groups of images.

    Raises:
        SpecError: the metric cannot be used, nothing is within the budget, or an image has no group.
        DataError: the images have no labels or are too few, or a run does not tell what it held out.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    passes = open_images_to_tune(spec, on, cache)
    split = passes.split
    metric = open_counted_metric(spec.metric, split.classes, spec.data.task)
    groups = group_images(split.samples, spec.data.group)
    group_i = number_groups(groups.labels) if groups.count > 1 else blocks_of_images(passes.images)
    given = tuple(
        with_fitted_rule(rule, ClassRule()) for rule in rules_of_classes(spec.decision, split.classes)
    )
    images = TuningImages(passes, metric, group_i, criterion, given)
    sampled = sample_member_passes(passes, metric)
    mixtures = judge_mixtures(images, sampled)
    mixture = mixtures.chosen
    study = _study_tuned_members(passes, sampled, mixtures)
    chosen = budget.best_of(study.front, min(passes.milliseconds)) if budget else mixture.mixture
    kinds = None if groups.count >= ENOUGH_GROUPS else 1
    steps = judge_rules(images, chosen, kinds)
    tuned = TunedOverlapping(
        passes=passes,
        on=on,
        metric=spec.metric,
        groups=groups,
        criterion=criterion,
        mixtures=mixtures,
        mixture=mixture,
        calibration=calibrate_sigmoids(sampled, passes.views),
        study=study,
        chosen=chosen,
        steps=steps,
    )
    if budget or tuned.left_out >= mixtures.single.left_out.score:
        return tuned
    single = mixtures.single
    alone = replace(
        tuned, mixture=single, chosen=single.mixture, steps=judge_rules(images, single.mixture, kinds)
    )
    return max(tuned, alone, key=lambda one: one.left_out)


def _study_tuned_members(
    passes: LabelledPasses, sampled: SampledPasses, mixtures: JudgedMixtures
) -> MemberStudy:
    """What the members are worth, at the thresholds of the chosen mixture where they are compared."""
    chosen = mixtures.chosen
    several = len(chosen.mixture.members) > 1
    mixture = chosen.mixture if several else mixtures.equal.mixture
    return study_members(sampled.to_study(chosen.rules), mixture, passes.milliseconds)
