"""Scoring of mixtures from cached passes, without running a network.

Mixtures are merged by the engine's own merges, so that scores are those of `seg ensemble`. Fits use the same
random labelled pixels of each image, always merged at the size of the image. Results are scored on all
pixels, merged as the spec says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import Decision
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.merge import CachedImage, Coverage, FullSizeCachedImage
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.confusion import totals_of_confusion
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.metrics.from_counts import CountedMetric, Counts
from seg.metrics.image_tallies import ImageTallies
from seg.spec.ensemble.decision import ClassRule
from seg.terminal.progress import progress
from seg.views import ViewName

MAX_BYTES: Final = 2**28
"""The most bytes of the sampled probabilities of all passes, a byte each."""

MAX_PIXELS: Final = 1000
"""The most pixels of one image; more add little, since neighbours agree."""

CountsICC = NDArray[np.int64]
"""Pixel counts of each image, int64 `[I, C, C]`: see `CountsCC`."""


def count_pixels_of_images(
    truth_in: NDArray[np.uint8], predicted_in: NDArray[np.integer[Any]], classes: int
) -> CountsICC:
    """Counts of the pixels of each image, truth by prediction."""
    images = len(truth_in)
    pairs = np.arange(images)[:, None] * classes**2 + truth_in * np.intp(classes) + predicted_in
    return np.bincount(pairs.ravel(), minlength=images * classes**2).reshape(images, classes, classes)


def tallies_of_counts(metric: CountedMetric, counts_icc: CountsICC) -> ImageTallies:
    """The metric's tallies of images."""
    return metric.judge(
        Counts(*(pixels_ic.astype(np.float64) for pixels_ic in totals_of_confusion(counts_icc)))
    )


@dataclass(frozen=True)
class PixelScorer:
    """Random labelled pixels of images, with the levels of all passes there.

    Attributes:
        labels_in: uint8 `[I, n]`.
        levels: by member and view, uint8 `[I, C, n]`.
        metric: what mixtures are scored by.
        positions: of the images in their split.
        coverage: as of `LabelledPasses`.
    """

    names: tuple[str, ...]
    views: tuple[Views, ...]
    labels_in: NDArray[np.uint8]
    levels: dict[tuple[int, ViewName], NDArray[np.uint8]]
    metric: CountedMetric
    coverage: Coverage = ()
    positions: tuple[int, ...] = ()

    @cached_property
    def classes(self) -> int:
        return int(next(iter(self.levels.values())).shape[1])

    def subsampled(self, every: int) -> Self:
        """A scorer of every n-th pixel."""
        levels = {key: values[..., ::every] for key, values in self.levels.items()}
        return replace(self, labels_in=self.labels_in[:, ::every], levels=levels)

    def knows_all_classes(self, mixture: Mixture) -> bool:
        """Whether some member of the mixture knows all classes, without which it is no ensemble."""
        return not self.coverage or any(not self.coverage[member] for member in mixture.members)

    def score(self, mixture: Mixture) -> float:
        return self.judge(mixture).score

    def judge(self, mixture: Mixture) -> ImageTallies:
        """The metric's tallies of the sampled pixels of each image."""
        return tallies_of_counts(self.metric, self.counts(mixture))

    def counts(self, mixture: Mixture) -> CountsICC:
        """Counts of the sampled pixels of each image, truth by prediction."""
        return count_pixels_of_images(self.labels_in, self.predict(mixture), self.classes)

    def predict(self, mixture: Mixture) -> NDArray[np.uint8]:
        """Labels of the sampled pixels, uint8 `[I, n]`."""
        return label_mixture(mixture, self._frames)

    def merged(self, mixture: Mixture) -> ProbabilitiesCHW:
        """Merged probabilities of the sampled pixels, float32 `[C, I, n]`."""
        return self._frames.merged(mixture)

    @cached_property
    def _frames(self) -> FullSizeCachedImage:
        """All images side by side as one frame, `[C, I, n]`."""
        return FullSizeCachedImage(
            lambda member, view: self.levels[member, view].transpose(1, 0, 2), self.coverage
        )


def sample_scorer(passes: LabelledPasses, metric: CountedMetric, seed: int = 0) -> PixelScorer:
    """Sample the same number of labelled pixels from every image that has any."""
    keys = [(member, view) for member, views in enumerate(passes.views) for view in views]
    count = min(MAX_PIXELS, MAX_BYTES // (len(keys) * passes.classes * max(1, passes.images)))
    random = np.random.default_rng(seed)
    labels: list[LabelsHW] = []
    positions: list[int] = []
    levels: dict[tuple[int, ViewName], list[NDArray[np.uint8]]] = {key: [] for key in keys}
    with progress("sample", passes.images, unit="images") as advance:
        for image in range(passes.images):
            truth = passes.labels(image).ravel()
            known = np.flatnonzero(truth != IGNORE_INDEX)
            if known.size:
                pixels = random.choice(known, count)
                labels.append(truth[pixels])
                positions.append(image)
                cached_image = passes.cached_image(image)
                for member, view in keys:
                    planes = cached_image.levels(member, view).reshape(passes.classes, -1)
                    levels[member, view].append(planes[:, pixels])
            advance()
    stacked = {key: np.stack(values) for key, values in levels.items()}
    return PixelScorer(
        passes.names, passes.views, np.stack(labels), stacked, metric, passes.coverage, tuple(positions)
    )


def label_image(passes: LabelledPasses, mixtures: Sequence[Mixture], image: int) -> list[LabelsHW]:
    """The labels of every mixture on one image; each pass is read once, and what is shared merged once."""
    cached_image = passes.cached_image(image)
    merged: dict[Mixture, ProbabilitiesCHW] = {}
    labels = []
    for mixture in mixtures:
        undecided = replace(mixture, factors=(), least_area=0)
        if undecided not in merged:
            merged[undecided] = cached_image.merged(undecided)
        labels.append(decide_mixture(mixture, merged[undecided]))
    return labels


def label_mixture(mixture: Mixture, cached_image: CachedImage) -> LabelsHW:
    """The labels of a mixture, uint8 `[H, W]`."""
    return decide_mixture(mixture, cached_image.merged(mixture))


def decide_mixture(mixture: Mixture, merged_chw: ProbabilitiesCHW) -> LabelsHW:
    """The labels of a mixture from its merged probabilities."""
    rules = (ClassRule(least_area=mixture.least_area),) * len(merged_chw) if mixture.least_area else ()
    return Decision(factors=mixture.factors, rules=rules).labels(merged_chw)
