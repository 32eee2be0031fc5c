"""Probabilities of members at some pixels of each image, to search their views, weights and temperatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.merge import Coverage
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds, position_of_best_threshold
from seg.labels.probability_codec import sigmoid_probabilities_from_levels
from seg.labels.task import THRESHOLD, ignored_in, masks_of, pack_masks
from seg.metrics.from_counts import CountedMetric, Counts, class_score_from_counts
from seg.metrics.image_tallies import ImageTallies
from seg.spec.ensemble.decision import ClassRule
from seg.terminal.progress import progress
from seg.views import ViewName

MAX_PIXELS: Final = 2048
"""The most pixels of one image."""

MAX_BYTES: Final = 2**27
"""The most bytes of the sampled probabilities of all passes, a byte each."""

MOST_STUDIED: Final = 2_000_000
"""The most pixels times classes that all sub-ensembles are scored on."""


@dataclass(frozen=True)
class SampledMembers:
    """Each member's probabilities, the mean over its views.

    Attributes:
        probabilities_mcin: float16, of M members and C classes at n pixels of each of I images.
        truth_cin: bool.
        known_mc: 1 for the classes that a member knows, 0 for others, float32.
        metric: what mixtures are scored by.
    """

    probabilities_mcin: NDArray[np.float16]
    truth_cin: NDArray[np.bool_]
    known_mc: NDArray[np.float32]
    metric: CountedMetric

    @property
    def members(self) -> int:
        return len(self.probabilities_mcin)

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        return replace(
            self,
            probabilities_mcin=self.probabilities_mcin[:, :, chosen_i],
            truth_cin=self.truth_cin[:, chosen_i],
        )

    def merged(self, weights_m: NDArray[np.float64], label: int) -> NDArray[np.float32]:
        """A class's weighted mean over the members that know it, float32 `[I, n]`."""
        members = np.flatnonzero(weights_m)
        shares = merge_shares_by_class(weights_m[members].tolist(), self.known_mc[members].tolist())
        shares_m = np.array([of_classes[label] for of_classes in shares], dtype=np.float32)
        return np.tensordot(shares_m, self.probabilities_mcin[members, label].astype(np.float32), 1)

    def judge(self, weights_m: NDArray[np.float64]) -> ImageTallies:
        """The metric's tallies of each image, with the best threshold of each class."""
        best = []
        for label, truth_in in enumerate(self.truth_cin):
            counts = count_at_thresholds(self.merged(weights_m, label), truth_in)
            threshold = position_of_best_threshold(class_score_from_counts(self.metric.tallies, counts))
            at_best = Counts(counts.both[threshold], counts.truth, counts.predicted[threshold])
            best.append(np.stack(self.metric.tallies(at_best), axis=1))
        return ImageTallies(self.metric.metric, np.stack(best, axis=1))


@dataclass(frozen=True)
class SampledPasses:
    """The levels of all passes at the same labelled pixels, by member and view, uint8 `[C, I, n]`.

    Attributes:
        coverage: as of `LabelledPasses`.
        thresholds_c: of the classes in what is predicted, float32.
    """

    names: tuple[str, ...]
    views: tuple[Views, ...]
    levels: Mapping[tuple[int, ViewName], NDArray[np.uint8]]
    truth_cin: NDArray[np.bool_]
    metric: CountedMetric
    coverage: Coverage
    thresholds_c: NDArray[np.float32]

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        levels = {key: levels_cin[:, chosen_i] for key, levels_cin in self.levels.items()}
        return replace(self, levels=levels, truth_cin=self.truth_cin[:, chosen_i])

    def subsampled(self, every: int) -> Self:
        """Every n-th pixel."""
        levels = {key: levels_cin[..., ::every] for key, levels_cin in self.levels.items()}
        return replace(self, levels=levels, truth_cin=self.truth_cin[..., ::every])

    def to_study(self, rules: Sequence[ClassRule]) -> Self:
        """Few enough pixels to score all sub-ensembles; members are compared by the thresholds of rules."""
        thresholds_c = np.array([rule.threshold for rule in rules], dtype=np.float32)
        thin = self.subsampled(-(-self.truth_cin.size // MOST_STUDIED))
        return replace(thin, thresholds_c=thresholds_c)

    def members(self, views: Mapping[int, Views], temperatures: Sequence[float] = ()) -> SampledMembers:
        """These members, each in these views; `temperatures` has one for every member, or is empty."""
        means = [
            self.mean(member, seen, temperatures[member] if temperatures else 1.0)
            for member, seen in views.items()
        ]
        known_mc = np.ones((len(means), len(self.truth_cin)), np.float32)
        for row, member in enumerate(views):
            known_mc[row] = (self.coverage and self.coverage[member]) or 1
        half_mcin = np.stack(means).astype(np.float16)
        return SampledMembers(half_mcin, self.truth_cin, known_mc, self.metric)

    def mean(self, member: int, views: Views, temperature: float = 1.0) -> NDArray[np.float32]:
        """A member's probabilities in the mean over views, float32 `[C, I, n]`."""
        total_cin = sum(
            sigmoid_probabilities_from_levels(self.levels[member, view], temperature) for view in views
        )
        return np.asarray(total_cin / np.float32(len(views)))

    def score(self, mixture: Mixture) -> float:
        """The metric with the best threshold of each class."""
        seen = {member: mixture.views[member] for member in mixture.members}
        weights_m = np.array([mixture.weights[member] for member in mixture.members])
        return self.members(seen, mixture.temperatures).judge(weights_m).score

    def predict(self, mixture: Mixture) -> NDArray[np.unsignedinteger[Any]]:
        """Label maps of the sampled pixels by the thresholds, `[I, n]`."""
        seen = {member: mixture.views[member] for member in mixture.members}
        weights_m = np.array([mixture.weights[member] for member in mixture.members])
        members = self.members(seen, mixture.temperatures)
        return pack_masks(
            np.stack(
                [
                    members.merged(weights_m, label) > threshold
                    for label, threshold in enumerate(self.thresholds_c)
                ]
            )
        )

    def knows_all_classes(self, mixture: Mixture) -> bool:
        """Whether some member of the mixture knows all classes, without which it is no ensemble."""
        return not self.coverage or any(not self.coverage[member] for member in mixture.members)


def sample_member_passes(passes: LabelledPasses, metric: CountedMetric, seed: int = 0) -> SampledPasses:
    """Sample the same number of labelled pixels from every image; of one without labels, any pixels."""
    keys = [(member, view) for member, views in enumerate(passes.views) for view in views]
    classes = passes.classes
    count = min(MAX_PIXELS, MAX_BYTES // (len(keys) * classes * max(1, passes.images)))
    random = np.random.default_rng(seed)
    levels: dict[tuple[int, ViewName], list[NDArray[np.uint8]]] = {key: [] for key in keys}
    truth: list[NDArray[np.bool_]] = []
    with progress("sample", passes.images, unit="images") as advance:
        for image in range(passes.images):
            labels_hw = passes.labels(image)
            known = np.flatnonzero(~ignored_in(labels_hw, "multilabel", classes))
            pixels = random.choice(known if known.size else labels_hw.size, count)
            truth.append(masks_of(labels_hw, "multilabel", classes).reshape(classes, -1)[:, pixels])
            cached_image = passes.cached_image(image)
            for member, view in keys:
                planes = cached_image.levels(member, view).reshape(classes, -1)
                levels[member, view].append(planes[:, pixels])
            advance()
    return SampledPasses(
        names=passes.names,
        views=passes.views,
        levels={key: np.stack(listed, axis=1) for key, listed in levels.items()},
        truth_cin=np.stack(truth, axis=1),
        metric=metric,
        coverage=passes.coverage,
        thresholds_c=np.full(classes, THRESHOLD, np.float32),
    )


def views_by_member(views: Sequence[Views]) -> dict[int, Views]:
    """The views of all members by their positions."""
    return dict(enumerate(views))
