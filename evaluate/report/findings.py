"""The findings of a report: all measurements of an ensemble, from cached passes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.engine.member_files import read_member_files
from seg.engine.pipeline.timing import Stage
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import TIMED, CachedPasses, open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.metric_intervals import gain_interval
from seg.evaluate.report.image_scores import MixtureScore, SplitScores, score_images
from seg.evaluate.report.latency import time_ensemble_stages
from seg.evaluate.report.predictors import ENSEMBLE, Predictor, Predictors, predictors_of, with_upright_views
from seg.evaluate.tune.cost.member_study import MemberStudy, study_members
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.evidence.judge_split import SplitJudgement, judge_split
from seg.evaluate.tune.overlapping.sampled_members import sample_member_passes
from seg.evaluate.tune.scorer import sample_scorer
from seg.labels.classes import ClassInfo
from seg.metrics.from_counts import open_counted_metric
from seg.models.card import ModelCard
from seg.runs import read_run_curves
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.spec.ensemble.decision import ClassRule, rules_of_classes
from seg.spec.ensemble.metric import metric_title

Curves = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class ReportFindings:
    """All measurements of an ensemble.

    Attributes:
        groups: of the images, which intervals resample.
        study: what members are worth, as in `seg tune`.
        rules: the decision of each class that overlaps.
        stages: the share of each stage in the engine's work.
        curves: the values of each epoch, by member; empty for members without a run.
        cards: of the members' models.
        judged: the scores on another split, if one was named.
    """

    passes: CachedPasses
    predictors: Predictors
    groups: Groups
    scores: SplitScores
    study: MemberStudy
    rules: tuple[ClassRule, ...]
    stages: dict[Stage, float]
    curves: dict[str, Curves]
    cards: tuple[ModelCard, ...]
    judged: SplitJudgement | None = None

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.passes.split.classes

    @property
    def best(self) -> Predictor:
        """The member with the highest score without views."""
        return max(self.predictors.members, key=lambda member: self.plain(member).value)

    @property
    def metric(self) -> str:
        """The name of the metric, as it is shown."""
        return metric_title(self.scores.metric.name)

    def plain(self, predictor: Predictor) -> MixtureScore:
        return self.scores.scores[predictor.plain]

    def viewed(self, predictor: Predictor) -> MixtureScore:
        return self.scores.scores[predictor.viewed]

    def wrong_presence(self, name: str) -> list[str]:
        """The images in which a class that overlaps is missed or invented."""
        return [note.id for note in self.scores.notes if name in (*note.missed, *note.invented)]

    def gain(self, over: MixtureScore) -> tuple[float, float, float]:
        """The gain in score of the ensemble with its views, with the 95 % interval."""
        whole = self.viewed(self.predictors.ensemble)
        return gain_interval(self.scores.metric, over.tallies_gc2, whole.tallies_gc2)


def measure_ensemble(
    spec: EnsembleSpec, cache: ProbabilityCache, judge: SplitName | None = None
) -> ReportFindings:
    """Measure an ensemble on the validation images; passes that are not cached are computed.

    `judge` is another split with labels, on which it is compared with equal weights and the best member.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be run.
        SpecError: the stacking was fitted for other members.
    """
    split = open_split(spec.data, "val")
    read_member_files(spec)  # A stacking of other members is refused before their views are changed.
    passes = open_cached_passes(with_upright_views(spec), split, cache)
    predictors = predictors_of(spec, passes)
    groups = group_images(split.samples, spec.data.group)
    scores = score_images(passes, predictors, groups.units, spec.metric)
    rules = rules_of_classes(spec.decision, split.classes) if passes.overlap else ()
    findings = ReportFindings(
        passes=passes,
        predictors=predictors,
        groups=groups,
        scores=scores,
        study=_study_members_for_report(passes, predictors.ensemble.viewed, spec, rules),
        rules=rules,
        stages=time_ensemble_stages(passes.ensemble, split.samples[:TIMED]),
        curves=_training_curves_of_members(spec),
        cards=tuple(member.card for member in passes.ensemble.members),
    )
    return (
        replace(findings, judged=_judge_on_other_split(findings, spec, judge, cache)) if judge else findings
    )


def _study_members_for_report(
    passes: CachedPasses, whole: Mixture, spec: EnsembleSpec, rules: Sequence[ClassRule]
) -> MemberStudy:
    """On sampled pixels; where classes overlap, members differ by the thresholds of the rules."""
    metric = open_counted_metric(spec.metric, passes.split.classes, spec.data.task)
    scorer = sample_member_passes(passes, metric).to_study(rules) if rules else sample_scorer(passes, metric)
    return study_members(scorer, whole, passes.milliseconds)


def _judge_on_other_split(
    findings: ReportFindings, spec: EnsembleSpec, split: SplitName, cache: ProbabilityCache
) -> SplitJudgement:
    whole = findings.predictors.ensemble.viewed
    best = max(findings.predictors.members, key=lambda member: findings.viewed(member).value)
    mixtures = {
        SINGLE: best.viewed,
        EQUAL: Mixture.of([1.0] * len(whole.views), whole.views),
        ENSEMBLE: whole,
    }
    return judge_split(spec, mixtures, split, cache)


def _training_curves_of_members(spec: EnsembleSpec) -> dict[str, Curves]:
    """The training curves of the members' runs."""
    return {member.name: read_run_curves(spec.model(member).parent) for member in spec.running}
