"""Scores of mixtures on another labelled split, over equal weights and group by group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.by_group import error_of_gain, worst_group
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
    mIoU of the worst group. The error is infinite for one group.
    """

    miou: float
    gain: float
    error: float
    worst: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The groups of the split's images, and the scores of each mixture by name."""

    split: SplitName
    groups: Groups
    scores: Mapping[str, JudgedScores]


def judge_tuned(spec: EnsembleSpec, tuned: Tuned, name: SplitName, cache: ProbabilityCache) -> Judgement:
    """Score the chosen mixture on a split that it was not fitted on; raises as `judge_split`."""
    of_members = tuned.passes.of_members
    mixtures = {
        SINGLE: of_members(tuned.candidates[SINGLE].mixture),
        EQUAL: of_members(tuned.equal.mixture),
        CHOSEN: tuned.written,
    }
    return judge_split(with_dropped_members(spec), mixtures, name, cache)


def judge_split(
    spec: EnsembleSpec, mixtures: Mapping[str, Mixture], name: SplitName, cache: ProbabilityCache
) -> Judgement:
    """Score mixtures of a spec's members with weight on a split; equal weights are among them.

    Raises:
        DataError: the dataset has no such split, or it has no labels.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, name)
    passes = open_passes(spec, split, cache)
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
        name,
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
