"""The command `seg evaluate`: scores of each member and the ensemble, with and without views.

Every configuration runs through the engine itself, so that scores are those of a submission. They are
cached in `<runs>/evaluation.json` under a fingerprint of models, views, weights and data, and are computed
again only if one of these changes.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from seg.data import Sample, Split, open_split
from seg.data.images.read_sample import read_sample
from seg.data.splits.content_hash import hash_of_images
from seg.engine import Ensemble
from seg.engine.resolved import ResolvedEnsemble, resolve_ensemble
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import Scores
from seg.evaluate.metrics.label_map_scores import LabelMapScores
from seg.files.atomic import regular, write_text
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.labels.task import classes_overlap
from seg.metrics.own_function import fingerprint_of
from seg.spec import EnsembleSpec
from seg.spec.ensemble.metric import MetricSpec
from seg.terminal.notices import notice
from seg.terminal.progress import Advance, progress
from seg.views import VIEW_SETS

ENSEMBLE = "ensemble"


class Row(BaseModel):
    """One predictor: `plain` on the images as they are, `viewed` with the spec's views.

    `plain_score` and `viewed_score` are of the spec's metric, `class_scores` of single classes with views.
    The times are seconds for all images, from pixels to label maps, decoding included. `ece` is the expected
    calibration error with views, a share in 0..1.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    plain: Scores
    plain_seconds: float
    viewed: Scores
    viewed_seconds: float
    ece: float
    plain_score: float
    viewed_score: float
    class_scores: dict[str, float | None]


class Comparison(BaseModel):
    """The scores of all members, and last of the ensemble if there are several members."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    metric: str
    images: int
    rows: tuple[Row, ...]


def compare_members(spec: EnsembleSpec) -> Comparison:
    """Score every member and the ensemble by mIoU over the whole split.

    Raises:
        DataError: the validation split has no labels, or an image cannot be read.
        ModelError: a model is missing or not usable.

    Example:
        >>> from seg.evaluate import compare_members
        >>> from seg.spec import load_ensemble
        >>> [row.name for row in compare_members(load_ensemble("spec.yaml")).rows]
        ['a', 'b', 'c', 'ensemble']
    """
    split = open_split(spec.data, "val")
    kept = spec.runs / "evaluation.json"
    resolved = resolve_ensemble(spec)
    fingerprint = _fingerprint(resolved, split)
    comparison = _read(kept, fingerprint)
    if comparison is None:
        rows = tuple(_score_all(Ensemble.of(resolved), split, spec.metric))
        comparison = Comparison(
            fingerprint=fingerprint, metric=spec.metric.name, images=len(split.samples), rows=rows
        )
        write_text(kept, comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _score_all(ensemble: Ensemble, split: Split, metric: MetricSpec) -> Iterator[Row]:
    first, *others = ensemble.members
    if others:
        # Class factors belong to the whole ensemble.
        predictors = {m.name: replace(ensemble.only([m.name]), factors=()) for m in ensemble.members}
        predictors[ENSEMBLE] = ensemble
    else:
        predictors = {first.name: ensemble}
    with progress("evaluate", 2 * len(predictors) * len(split.samples), unit="images") as advance:
        for name, predictor in predictors.items():
            plain = predictor.with_views(VIEW_SETS["none"])
            without_views = with_views = _score(plain, split, metric, advance)
            if plain.members != predictor.members:
                with_views = _score(predictor, split, metric, advance)
            yield Row(
                name=name,
                plain=without_views.scores.scores,
                plain_seconds=without_views.seconds,
                viewed=with_views.scores.scores,
                viewed_seconds=with_views.seconds,
                ece=with_views.ece,
                plain_score=without_views.scores.metric[0],
                viewed_score=with_views.scores.metric[0],
                class_scores=with_views.scores.metric[1],
            )


class _Measured(NamedTuple):
    """The scores of one predictor, its seconds, and its expected calibration error."""

    scores: LabelMapScores
    seconds: float
    ece: float


def _score(ensemble: Ensemble, split: Split, metric: MetricSpec, advance: Advance) -> _Measured:
    scores = LabelMapScores(ensemble.classes, ensemble.task, metric)
    reliability = Reliability()

    def count(index: int, merged: ProbabilitiesCHW) -> None:
        truth_hw = split.labels(index)
        scores.add(truth_hw, ensemble.decision().labels(merged))
        if classes_overlap(ensemble.task):
            reliability.add_overlapping(truth_hw, merged)
        else:
            reliability.add(truth_hw, merged)

    start = time.perf_counter()
    images = _indexed(split.samples)
    for _ in ensemble.predict_all(images, count, name_of=lambda index: split.samples[index].id):
        advance()
    return _Measured(scores, time.perf_counter() - start, reliability.expected_error)


def _indexed(samples: tuple[Sample, ...]) -> Iterator[tuple[int, ImageHWC]]:
    return ((index, read_sample(sample)) for index, sample in enumerate(samples))


def _fingerprint(resolved: ResolvedEnsemble, split: Split) -> str:
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
        "metric": fingerprint_of(spec.metric),
        "split": split.fingerprint,
        "images": hash_of_images(split.samples),
        **({"tile": spec.tile.model_dump()} if spec.tile else {}),
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _read(path: Path, fingerprint: str) -> Comparison | None:
    """The cached comparison, if it has the same fingerprint."""
    try:
        comparison = Comparison.model_validate_json(regular(path).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        notice(f"{path}: is damaged: the scores are computed again")
        return None
    return comparison if comparison.fingerprint == fingerprint else None
