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

from pydantic import BaseModel, ConfigDict

from seg.data import Sample, Split, open_split
from seg.data.images.read_sample import read_sample
from seg.data.splits.content_hash import hash_of_images
from seg.engine import Ensemble
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import ConfusionMatrix, Scores
from seg.files.atomic import regular, write_text
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.models.member_files import read_member_files
from seg.spec import EnsembleSpec
from seg.terminal.notices import notice
from seg.terminal.progress import Advance, progress
from seg.views import VIEW_SETS

ENSEMBLE = "ensemble"


class Row(BaseModel):
    """One predictor: `plain` on the images as they are, `viewed` with the spec's views.

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


class Comparison(BaseModel):
    """The scores of all members, and last of the ensemble if there are several members."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
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
    fingerprint = _fingerprint(spec, split)
    comparison = _read(kept, fingerprint)
    if comparison is None:
        rows = tuple(_score_all(Ensemble.load(spec), split))
        comparison = Comparison(fingerprint=fingerprint, images=len(split.samples), rows=rows)
        write_text(kept, comparison.model_dump_json(indent=2) + "\n")
    return comparison


def _score_all(ensemble: Ensemble, split: Split) -> Iterator[Row]:
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
            plain_scores, plain_seconds, ece = _score(plain, split, advance)
            viewed_scores, viewed_seconds = plain_scores, plain_seconds
            if plain.members != predictor.members:
                viewed_scores, viewed_seconds, ece = _score(predictor, split, advance)
            yield Row(
                name=name,
                plain=plain_scores,
                plain_seconds=plain_seconds,
                viewed=viewed_scores,
                viewed_seconds=viewed_seconds,
                ece=ece,
            )


def _score(ensemble: Ensemble, split: Split, advance: Advance) -> tuple[Scores, float, float]:
    """The scores of one predictor, its seconds, and its expected calibration error."""
    matrix, reliability = ConfusionMatrix(len(ensemble.classes)), Reliability()

    def count(index: int, merged: ProbabilitiesCHW) -> None:
        truth_hw = split.labels(index)
        matrix.add(truth_hw, ensemble.decision().labels(merged))
        reliability.add(truth_hw, merged)

    start = time.perf_counter()
    images = _indexed(split.samples)
    for _ in ensemble.predict_all(images, count, name_of=lambda index: split.samples[index].id):
        advance()
    return matrix.scores(ensemble.classes), time.perf_counter() - start, reliability.expected_error


def _indexed(samples: tuple[Sample, ...]) -> Iterator[tuple[int, ImageHWC]]:
    return ((index, read_sample(sample)) for index, sample in enumerate(samples))


def _fingerprint(spec: EnsembleSpec, split: Split) -> str:
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
            for m, file in zip(spec.running, read_member_files(spec), strict=True)
        ],
        "merge": (spec.merge, spec.merge_at),
        "class_factors": spec.class_factors,
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
