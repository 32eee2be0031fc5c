"""The truth and all predictions of one image."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.report.predictors import Predictors
from seg.evaluate.tune.scorer import label_mixture
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW


@dataclass(frozen=True)
class ImageView:
    """One image: truth, predictions, errors, disagreement and entropy.

    Attributes:
        truth_hw: uint8 `[H, W]`.
        labels: by mixture, uint8 `[H, W]`; of every member and the ensemble at least.
        probabilities_chw: the ensemble's in its views, float32 `[C, H, W]`.
    """

    predictors: Predictors
    truth_hw: LabelsHW
    labels: dict[Mixture, LabelsHW]
    probabilities_chw: ProbabilitiesCHW

    @property
    def ensemble_hw(self) -> LabelsHW:
        return self.labels[self.predictors.ensemble.viewed]

    @property
    def members(self) -> list[LabelsHW]:
        """Label maps of all members in their views."""
        return [self.labels[member.viewed] for member in self.predictors.members]

    @property
    def known_hw(self) -> NDArray[np.bool_]:
        """Pixels with a truth."""
        return np.not_equal(self.truth_hw, IGNORE_INDEX)

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
        """The normalised entropy of the ensemble's probabilities: 0 is certain, 1 is uniform."""
        safe_chw = np.maximum(self.probabilities_chw, np.float32(1e-7))
        nats_hw = -(safe_chw * np.log(safe_chw)).sum(0)
        share_hw: NDArray[np.float32] = nats_hw / np.float32(np.log(max(2, len(safe_chw))))
        return np.clip(share_hw, 0, 1)


def view_image(
    passes: Passes, predictors: Predictors, image: int, mixtures: tuple[Mixture, ...]
) -> ImageView:
    """Predict one image with these mixtures and the ensemble's."""
    cached_image = passes.cached_image(image)
    whole = predictors.ensemble.viewed
    probabilities_chw = cached_image.merged(whole)
    labels = {mixture: label_mixture(mixture, cached_image) for mixture in mixtures if mixture != whole}
    labels[whole] = replace(passes.ensemble.decision(), factors=whole.factors).labels(probabilities_chw)
    return ImageView(predictors, passes.labels(image), labels, probabilities_chw)
