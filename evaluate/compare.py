"""The command `seg evaluate`: scores of each member and the ensemble, with and without views.

Every configuration runs through the engine itself, so that scores are those of a submission. They are
cached beside the runs under a fingerprint of models, views, weights and data, and are computed again only if
one of these changes.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from seg.data import Sample, Split, open_split
from seg.data.groups import group_images
from seg.data.images.read_sample import read_sample
from seg.data.splits.content_hash import hash_of_images
from seg.engine import Ensemble
from seg.engine.resolved import ResolvedEnsemble, resolve_ensemble
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import ConfusionScores
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.metrics.label_map_scores import LabelMapScores
from seg.evaluate.metrics.metric_intervals import gain_interval, metric_interval, tallies_by_group
from seg.files.atomic import regular_file, write_text
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import classes_overlap
from seg.metrics.own_function import metric_fingerprint
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.spec.ensemble.metric import MetricSpec
from seg.terminal.notices import notice
from seg.terminal.progress import Advance, progress
from seg.views import VIEW_SETS

ENSEMBLE: Final = "ensemble"
EQUAL_WEIGHTS: Final = "equal weights"


class Measurement(BaseModel):
    """One predictor in some views.

    `score` and `class_scores` are of the spec's metric. `interval` is the 95 % bootstrap interval of the
    score over groups of images, None if there is one group.
    `seconds` are for all images, from pixels to label maps, decoding included. `ece` is the expected
    calibration error, a share in 0..1.
    """

    model_config = ConfigDict(frozen=True)

    scores: ConfusionScores
    score: float
    class_scores: dict[str, float | None]
    interval: tuple[float, float] | None
    seconds: float
    ece: float

    @property
    def miou(self) -> float:
        return self.scores.miou


class ComparisonRow(BaseModel):
    """One predictor: `plain` on the images as they are, `viewed` with the spec's views."""

    model_config = ConfigDict(frozen=True)

    name: str
    plain: Measurement
    viewed: Measurement


class GainOverBestMember(BaseModel):
    """The ensemble's score less that of its best member, both with views, and its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    over: str
    gain: float
    low: float
    high: float


class Comparison(BaseModel):
    """The scores of all members, of equal weights if the spec has others, and last of the ensemble.

    A single member has one row. `gain` is None then, or if all images are of one group.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    metric: str
    images: int
    rows: tuple[ComparisonRow, ...]
    gain: GainOverBestMember | None


def compare_members(spec: EnsembleSpec, split_name: SplitName = "val") -> Comparison:
    """Score every member and the ensemble by the spec's metric over a whole split.

    Raises:
        DataError: there is no such split, it has no labels, or an image cannot be read.
        ModelError: a model is missing or not usable.

    Example:
        >>> from seg.evaluate import compare_members
        >>> from seg.spec import load_ensemble
        >>> [row.name for row in compare_members(load_ensemble("spec.yaml")).rows]
        ['a', 'b', 'c', 'ensemble']
    """
    split = open_split(spec.data, split_name)
    kept = spec.runs / f"evaluation-{split_name}.json"
    resolved = resolve_ensemble(spec)
    fingerprint = _fingerprint_of_comparison(resolved, split)
    comparison = _read_cached_comparison(kept, fingerprint)
    if comparison is None:
        group_i = number_groups(group_images(split.samples, spec.data.group).labels)
        rows, gain = _compare_predictors(_compared_predictors(resolved), split, spec.metric, group_i)
        comparison = Comparison(
            fingerprint=fingerprint,
            metric=spec.metric.name,
            images=len(split.samples),
            rows=tuple(rows),
            gain=gain,
        )
        write_text(kept, comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _compared_predictors(resolved: ResolvedEnsemble) -> dict[str, Ensemble]:
    """What is compared, by the names of rows."""
    ensemble, spec = Ensemble.of(resolved), resolved.spec
    if len(ensemble.members) == 1:
        return {ensemble.members[0].name: ensemble}
    # Class factors and stacking belong to the whole ensemble.
    members = {m.name: replace(ensemble.only([m.name]), factors=()) for m in ensemble.members}
    equal = {} if _spec_has_equal_weights(spec) else {EQUAL_WEIGHTS: Ensemble.load(_with_equal_weights(spec))}
    return members | equal | {ENSEMBLE: ensemble}


def _spec_has_equal_weights(spec: EnsembleSpec) -> bool:
    by_class = spec.class_factors or spec.stacking or any(member.class_weights for member in spec.running)
    return not by_class and len({member.weight for member in spec.running}) == 1


def _with_equal_weights(spec: EnsembleSpec) -> EnsembleSpec:
    """The members that have a weight, all alike, without factors of classes and stacking."""
    alike = {"weight": 1.0, "class_weights": {}}
    members = tuple(member.model_copy(update=alike) for member in spec.running)
    return spec.model_copy(update={"members": members, "class_factors": {}, "stacking": None})


def _compare_predictors(
    predictors: Mapping[str, Ensemble], split: Split, metric: MetricSpec, group_i: GroupI
) -> tuple[list[ComparisonRow], GainOverBestMember | None]:
    rows: list[ComparisonRow] = []
    scored: dict[str, LabelMapScores] = {}
    without_views = {name: one.with_views(VIEW_SETS["none"]) for name, one in predictors.items()}
    has_views = {name for name, one in predictors.items() if one.members != without_views[name].members}
    runs = (len(predictors) + len(has_views)) * len(split.samples)
    with progress("evaluate", runs, unit="images") as advance:
        for name, predictor in predictors.items():
            plain, scored[name] = _measure_compared(without_views[name], split, metric, group_i, advance)
            viewed = plain
            if name in has_views:
                viewed, scored[name] = _measure_compared(predictor, split, metric, group_i, advance)
            rows.append(ComparisonRow(name=name, plain=plain, viewed=viewed))
    members = [row for row in rows if row.name not in (EQUAL_WEIGHTS, ENSEMBLE)]
    if len(members) == len(rows) or group_i.max() == 0:
        return rows, None
    best = max(members, key=lambda row: row.viewed.score).name
    tallies = (tallies_by_group(scored[name].tallies_ic2, group_i) for name in (best, ENSEMBLE))
    gain, low, high = gain_interval(scored[best].metric, *tallies)
    return rows, GainOverBestMember(over=best, gain=gain, low=low, high=high)


def _measure_compared(
    ensemble: Ensemble, split: Split, metric: MetricSpec, group_i: GroupI, advance: Advance
) -> tuple[Measurement, LabelMapScores]:
    scored = LabelMapScores(ensemble.classes, ensemble.task, metric, len(split.samples))
    reliability = Reliability()

    def count(index: int, merged: ProbabilitiesCHW) -> None:
        truth_hw = split.labels(index)
        scored.add(index, truth_hw, ensemble.decision().labels(merged))
        if classes_overlap(ensemble.task):
            reliability.add_overlapping(truth_hw, merged)
        else:
            reliability.add(truth_hw, merged)

    start = time.perf_counter()
    images = _read_compared_images(split.samples)
    for _ in ensemble.predict_all(images, count, name_of=lambda index: split.samples[index].id):
        advance()
    seconds = time.perf_counter() - start
    return Measurement(
        scores=scored.scores,
        score=scored.score,
        class_scores=scored.class_scores,
        interval=metric_interval(scored.metric, tallies_by_group(scored.tallies_ic2, group_i)),
        seconds=seconds,
        ece=reliability.expected_error,
    ), scored


def _read_compared_images(samples: tuple[Sample, ...]) -> Iterator[tuple[int, ImageHWB]]:
    return ((index, read_sample(sample)) for index, sample in enumerate(samples))


def _fingerprint_of_comparison(resolved: ResolvedEnsemble, split: Split) -> str:
    spec = resolved.spec
    facts = {
        "members": [
            (
                m.name,
                file.fingerprint,
                m.weight,
                m.class_weights,
                m.temperature,
                spec.views_of(m),
                *([m.covers] if m.covers else []),
            )
            for m, file in zip(spec.running, resolved.files, strict=True)
        ],
        "merge": (spec.merge, spec.merge_at),
        "class_factors": spec.class_factors,
        "decision": spec.decision.model_dump(),
        "metric": metric_fingerprint(spec.metric),
        "split": split.fingerprint,
        "images": hash_of_images(split.samples),
        **({"group": spec.data.group.model_dump(mode="json")} if spec.data.group else {}),
        **({"stacking": spec.stacking.coefficients} if spec.stacking else {}),
        **({"tile": spec.tile.model_dump(exclude_none=True)} if spec.tile else {}),
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _read_cached_comparison(path: Path, fingerprint: str) -> Comparison | None:
    """The cached comparison, if it has the same fingerprint."""
    try:
        comparison = Comparison.model_validate_json(regular_file(path).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        notice(f"{path}: is damaged: the scores are computed again")
        return None
    return comparison if comparison.fingerprint == fingerprint else None
