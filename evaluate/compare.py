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

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from seg.data import Sample, Split, open_split
from seg.data.groups import group_images
from seg.data.images.read_sample import read_sample
from seg.data.splits.content_hash import hash_of_images
from seg.engine import Ensemble
from seg.engine.resolved import ResolvedEnsemble, resolve_ensemble
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import ConfusionMatrix, Scores
from seg.evaluate.metrics.groups import GroupI, number_groups, sum_by_group
from seg.evaluate.metrics.segmentation import intervals_of, paired_interval
from seg.files.atomic import regular, write_text
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.terminal.notices import notice
from seg.terminal.progress import Advance, progress
from seg.views import VIEW_SETS

ENSEMBLE: Final = "ensemble"
EQUAL_WEIGHTS: Final = "equal weights"

CountsGCC = NDArray[np.int64]
"""Pixel counts of each group of images, `[G, C, C + 1]`."""


class Measurement(BaseModel):
    """One predictor in some views.

    `interval` is the 95 % bootstrap interval of mIoU over groups of images, None if there is one group.
    `seconds` are for all images, from pixels to label maps, decoding included. `ece` is the expected
    calibration error, a share in 0..1.
    """

    model_config = ConfigDict(frozen=True)

    scores: Scores
    interval: tuple[float, float] | None
    seconds: float
    ece: float

    @property
    def miou(self) -> float:
        return self.scores.miou


class Row(BaseModel):
    """One predictor: `plain` on the images as they are, `viewed` with the spec's views."""

    model_config = ConfigDict(frozen=True)

    name: str
    plain: Measurement
    viewed: Measurement


class Gain(BaseModel):
    """The ensemble's mIoU less that of its best member, both with views, and its 95 % interval."""

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
    images: int
    rows: tuple[Row, ...]
    gain: Gain | None


def compare_members(spec: EnsembleSpec, split_name: SplitName = "val") -> Comparison:
    """Score every member and the ensemble by mIoU over a whole split.

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
    fingerprint = _fingerprint(resolved, split)
    comparison = _read(kept, fingerprint)
    if comparison is None:
        group_i = number_groups(group_images(split.samples, spec.data.group).labels)
        rows, gain = _compare(_predictors(resolved), split, group_i)
        comparison = Comparison(
            fingerprint=fingerprint, images=len(split.samples), rows=tuple(rows), gain=gain
        )
        write_text(kept, comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _predictors(resolved: ResolvedEnsemble) -> dict[str, Ensemble]:
    """What is compared, by the names of rows."""
    ensemble, spec = Ensemble.of(resolved), resolved.spec
    if len(ensemble.members) == 1:
        return {ensemble.members[0].name: ensemble}
    # Class factors belong to the whole ensemble.
    members = {m.name: replace(ensemble.only([m.name]), factors=()) for m in ensemble.members}
    equal = {} if _has_equal_weights(spec) else {EQUAL_WEIGHTS: Ensemble.load(_with_equal_weights(spec))}
    return members | equal | {ENSEMBLE: ensemble}


def _has_equal_weights(spec: EnsembleSpec) -> bool:
    by_class = spec.class_factors or any(member.class_weights for member in spec.running)
    return not by_class and len({member.weight for member in spec.running}) == 1


def _with_equal_weights(spec: EnsembleSpec) -> EnsembleSpec:
    """The members that have a weight, all alike, and without factors of classes."""
    alike = {"weight": 1.0, "class_weights": {}}
    members = tuple(member.model_copy(update=alike) for member in spec.running)
    return spec.model_copy(update={"members": members, "class_factors": {}})


def _compare(
    predictors: Mapping[str, Ensemble], split: Split, group_i: GroupI
) -> tuple[list[Row], Gain | None]:
    rows: list[Row] = []
    counts: dict[str, CountsGCC] = {}
    without_views = {name: one.with_views(VIEW_SETS["none"]) for name, one in predictors.items()}
    has_views = {name for name, one in predictors.items() if one.members != without_views[name].members}
    runs = (len(predictors) + len(has_views)) * len(split.samples)
    with progress("evaluate", runs, unit="images") as advance:
        for name, predictor in predictors.items():
            plain, counts[name] = _measure(without_views[name], split, group_i, advance)
            viewed = plain
            if name in has_views:
                viewed, counts[name] = _measure(predictor, split, group_i, advance)
            rows.append(Row(name=name, plain=plain, viewed=viewed))
    members = [row for row in rows if row.name not in (EQUAL_WEIGHTS, ENSEMBLE)]
    if len(members) == len(rows) or group_i.max() == 0:
        return rows, None
    best = max(members, key=lambda row: row.viewed.miou).name
    gain, low, high = paired_interval(list(counts[best]), list(counts[ENSEMBLE]))
    return rows, Gain(over=best, gain=gain, low=low, high=high)


def _measure(
    ensemble: Ensemble, split: Split, group_i: GroupI, advance: Advance
) -> tuple[Measurement, CountsGCC]:
    """The scores of one predictor, and its counts of each group of images."""
    classes = len(ensemble.classes)
    counts_icc = np.zeros((len(split.samples), classes, classes + 1), np.int64)
    reliability = Reliability()

    def count(index: int, merged: ProbabilitiesCHW) -> None:
        truth_hw = split.labels(index)
        counts_icc[index] = (
            ConfusionMatrix(classes).add(truth_hw, ensemble.decision().labels(merged)).counts_cc
        )
        reliability.add(truth_hw, merged)

    start = time.perf_counter()
    images = _indexed(split.samples)
    for _ in ensemble.predict_all(images, count, name_of=lambda index: split.samples[index].id):
        advance()
    seconds = time.perf_counter() - start
    counts_gcc = sum_by_group(counts_icc, group_i)
    return Measurement(
        scores=ConfusionMatrix.of(counts_icc.sum(0)).scores(ensemble.classes),
        interval=intervals_of(counts_gcc).miou if len(counts_gcc) > 1 else None,
        seconds=seconds,
        ece=reliability.expected_error,
    ), counts_gcc


def _indexed(samples: tuple[Sample, ...]) -> Iterator[tuple[int, ImageHWB]]:
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
        "split": split.fingerprint,
        "images": hash_of_images(split.samples),
        **({"group": spec.data.group.model_dump(mode="json")} if spec.data.group else {}),
        **({"tile": spec.tile.model_dump(exclude_none=True)} if spec.tile else {}),
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
