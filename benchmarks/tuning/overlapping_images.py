"""Labelled images of overlapping classes: half of them to fit on, the others to judge on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses, open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune.overlapping.mixtures import WeighedMembers, list_mixtures
from seg.evaluate.tune.overlapping.region_table import RegionTable, count_regions
from seg.evaluate.tune.overlapping.sampled_members import (
    SampledMembers,
    sample_member_passes,
    views_by_member,
)
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import ignored_in, masks_of
from seg.metrics.from_counts import CountedMetric, open_counted_metric
from seg.metrics.metric import Metric
from seg.spec import load_ensemble
from seg.spec.ensemble.decision import ClassRule

HALVES = 10

Rules = tuple[ClassRule, ...]

Merge = Callable[[CachedPasses, int], ProbabilitiesCHW]
"""The probabilities of an image."""


@dataclass(frozen=True, slots=True)
class OverlappingImages:
    """The passes of a spec's validation images, and what is fitted on half of them.

    `members` are their probabilities at sampled pixels, `mixtures` what `seg tune` chooses from, by name.
    """

    passes: CachedPasses
    metric: CountedMetric
    members: SampledMembers
    mixtures: dict[str, WeighedMembers]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open those of the spec at a path; passes that are not cached are run."""
        spec = load_ensemble(path)
        split = open_split(spec.data, "val")
        passes = open_cached_passes(spec, split, ProbabilityCache())
        metric = open_counted_metric(spec.metric, split.classes, spec.data.task)
        sampled = sample_member_passes(passes, metric)
        mixtures = {one.name: one for one in list_mixtures(sampled, passes.views, "mean")}
        return cls(passes, metric, sampled.members(views_by_member(passes.views)), mixtures)

    def random_half(self, seed: int) -> NDArray[np.bool_]:
        """Which images are fitted on."""
        fitted_i = np.zeros(self.passes.images, np.bool_)
        fitted_i[np.random.default_rng(seed).permutation(len(fitted_i))[: len(fitted_i) // 2]] = True
        return fitted_i


def judge_images(
    passes: CachedPasses,
    metric: Metric,
    merge: Merge,
    rules: Rules,
    judged_i: NDArray[np.bool_],
) -> float:
    tallies = []
    for image in np.flatnonzero(judged_i).tolist():
        truth_chw = masks_of(passes.labels(image), "multilabel", passes.classes)
        probabilities_chw = merge(passes, image)
        masks_chw = postprocess_masks(above_thresholds(probabilities_chw, rules), probabilities_chw, rules)
        labelled_hw = ~ignored_in(passes.labels(image), "multilabel", passes.classes)
        tallies.append(metric.tally_masks(truth_chw, masks_chw, labelled_hw))
    return metric.score(np.stack(tallies))


def count_tables(passes: CachedPasses, merge: Merge, fitted_i: NDArray[np.bool_]) -> tuple[RegionTable, ...]:
    """Of each class, what every rule leaves of the images that are fitted on."""
    images = (
        (
            merge(passes, image),
            masks_of(passes.labels(image), "multilabel", passes.classes),
            ~ignored_in(passes.labels(image), "multilabel", passes.classes),
        )
        for image in np.flatnonzero(fitted_i).tolist()
    )
    return count_regions(images, passes.classes, passes.labels(0).size)


def merge_image(mixture: Mixture, passes: CachedPasses, image: int) -> ProbabilitiesCHW:
    return passes.cached_image(image).merged(mixture)
