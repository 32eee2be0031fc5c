"""Scores of a tuned mixture on another labelled split, beside the best member and equal weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune.evidence.by_group import error_of_gain, number_groups, worst_group
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.scorer import count_all, miou
from seg.evaluate.tune.tune import Tuned, with_dropped_members
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.terminal.progress import progress

CHOSEN: Final = "chosen"


@dataclass(frozen=True, slots=True)
class JudgedScores:
    """mIoU of all labelled pixels; its gain over equal weights with its standard error across groups; and the
    mIoU of the worst group.
    """

    miou: float
    gain: float
    error: float
    worst: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The groups of the split's images, and the scores of each mixture by name."""

    groups: Groups
    scores: Mapping[str, JudgedScores]


def judge_split(spec: EnsembleSpec, tuned: Tuned, name: SplitName, cache: ProbabilityCache) -> Judgement:
    """Score the chosen mixture on a split that it was not fitted on.

    Raises:
        DataError: the dataset has no such split, or it has no labels.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, name)
    passes = open_passes(with_dropped_members(spec), split, cache)
    mixtures: dict[str, Mixture] = {
        SINGLE: tuned.candidates[SINGLE].mixture,
        EQUAL: tuned.equal.mixture,
        CHOSEN: tuned.chosen,
    }
    with progress(f"judge {name}", passes.images, unit="images") as advance:

        def images() -> Iterator[int]:
            for image in range(passes.images):
                yield image
                advance()

        counted = count_all(passes, list(mixtures.values()), images())
    counts = dict(zip(mixtures, counted, strict=True))
    groups = group_images(split.samples, spec.data.group)
    group_i = number_groups(groups.labels)
    reached = miou(counts[EQUAL])
    return Judgement(
        groups,
        {
            one: JudgedScores(
                miou(counts_icc),
                miou(counts_icc) - reached,
                error_of_gain(counts_icc, counts[EQUAL], group_i),
                worst_group(counts_icc, group_i),
            )
            for one, counts_icc in counts.items()
        },
    )
