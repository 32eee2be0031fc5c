"""The truth and all predictions of one image."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.report.predictors import Predictors
from seg.evaluate.tune.scorer import label_mixture
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import LabelMap, Task, classes_overlap, count_pixels, ignored_in


@dataclass(frozen=True)
class ImageView:
    """One image: truth, predictions, errors, disagreement and entropy.

    Attributes:
        truth_hw: `[H, W]`.
        labels: by mixture, `[H, W]`; of every member and the ensemble at least.
        probabilities_chw: the ensemble's in its views, float32 `[C, H, W]`.
    """

    predictors: Predictors
    classes: tuple[ClassInfo, ...]
    task: Task
    truth_hw: LabelMap
    labels: dict[Mixture, LabelMap]
    probabilities_chw: ProbabilitiesCHW

    @property
    def ensemble_hw(self) -> LabelMap:
        return self.labels[self.predictors.ensemble.viewed]

    @property
    def members(self) -> list[LabelMap]:
        """Label maps of all members in their views."""
        return [self.labels[member.viewed] for member in self.predictors.members]

    @property
    def known_hw(self) -> NDArray[np.bool_]:
        """Pixels with a truth."""
        return ~ignored_in(self.truth_hw, self.task, len(self.classes))

    @property
    def is_there(self) -> tuple[bool, ...]:
        """Whether each class has a pixel in the truth or in the ensemble's prediction."""
        return tuple(bool(a or b) for a, b in zip(self._true_pixels, self._found_pixels, strict=True))

    @property
    def is_empty(self) -> bool:
        """Whether the image truly shows no class."""
        return not self._true_pixels.any()

    @property
    def missed(self) -> tuple[str, ...]:
        """The classes that overlap of which the ensemble finds no pixel, though there are some."""
        return self._classes_where(self._true_pixels, self._found_pixels)

    @property
    def invented(self) -> tuple[str, ...]:
        """The classes that overlap of which the ensemble finds a pixel, though there is none."""
        return self._classes_where(self._found_pixels, self._true_pixels)

    @property
    def wrong_hw(self) -> NDArray[np.bool_]:
        """Pixels where the ensemble's label is wrong."""
        return self.known_hw & np.not_equal(self.ensemble_hw, self.truth_hw)

    @cached_property
    def disputed_hw(self) -> NDArray[np.bool_]:
        """Pixels on which members disagree."""
        first_hw = self.members[0]
        disputed_hw = np.zeros(first_hw.shape, dtype=np.bool_)
        for labels_hw in self.members:
            disputed_hw |= labels_hw != first_hw
        return disputed_hw

    @cached_property
    def entropy_hw(self) -> NDArray[np.float32]:
        """The normalised entropy of the ensemble's probabilities: 0 is certain, 1 is uniform.

        Where classes overlap, it is that of the least certain class.
        """
        if classes_overlap(self.task):
            return np.asarray(_binary_entropy_of_masks(self.probabilities_chw).max(0), dtype=np.float32)
        safe_chw = np.maximum(self.probabilities_chw, np.float32(1e-7))
        nats_hw = -(safe_chw * np.log(safe_chw)).sum(0)
        share_hw: NDArray[np.float32] = nats_hw / np.float32(np.log(max(2, len(safe_chw))))
        return np.clip(share_hw, 0, 1)

    def _classes_where(self, some_c: NDArray[np.int64], none_c: NDArray[np.int64]) -> tuple[str, ...]:
        if not classes_overlap(self.task):
            return ()
        chosen_c = (some_c > 0) & (none_c == 0)
        return tuple(c.name for c, is_chosen in zip(self.classes, chosen_c, strict=True) if is_chosen)

    @cached_property
    def _true_pixels(self) -> NDArray[np.int64]:
        return count_pixels(self.truth_hw, self.task, len(self.classes))

    @cached_property
    def _found_pixels(self) -> NDArray[np.int64]:
        return count_pixels(self.ensemble_hw[self.known_hw], self.task, len(self.classes))


def view_image(
    passes: CachedPasses, predictors: Predictors, image: int, mixtures: tuple[Mixture, ...]
) -> ImageView:
    """Predict one image with these mixtures and the ensemble's."""
    cached_image = passes.cached_image(image)
    whole = predictors.ensemble.viewed
    probabilities_chw = cached_image.merged(whole)
    decision = replace(passes.ensemble.decision(), factors=whole.factors)
    labels: dict[Mixture, LabelMap] = {
        mixture: decision.labels(cached_image.merged(mixture))
        if passes.overlap
        else label_mixture(mixture, cached_image)
        for mixture in mixtures
        if mixture != whole
    }
    labels[whole] = decision.labels(probabilities_chw)
    classes, task = passes.split.classes, passes.ensemble.task
    return ImageView(predictors, classes, task, passes.labels(image), labels, probabilities_chw)


def _binary_entropy_of_masks(probabilities_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
    """In bits: 1 where a class is there with a probability of a half."""
    there_chw = np.clip(probabilities_chw, np.float32(1e-7), np.float32(1 - 1e-7))
    bits_chw = -(there_chw * np.log2(there_chw) + (1 - there_chw) * np.log2(1 - there_chw))
    return np.asarray(bits_chw, dtype=np.float32)
