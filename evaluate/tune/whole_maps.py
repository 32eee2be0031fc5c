"""Mixtures judged on whole label maps, by metrics for which random pixels of an image do not say enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.evaluate.tune.scorer import label_image, tallies_of_counts
from seg.labels.label_map import LabelsHW
from seg.metrics.from_counts import CountedMetric
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import TallyC2
from seg.terminal.progress import progress

MixtureI = Sequence[Mixture]
"""The mixture that decides each image: one that was not fitted on it."""


@dataclass(frozen=True)
class WholeMaps:
    """Label maps of images, by their positions in the split, and the metric that judges them."""

    passes: LabelledPasses
    metric: CountedMetric
    positions: tuple[int, ...]

    def judge(self, deciding: Sequence[MixtureI]) -> list[ImageTallies]:
        """The tallies of all images for each way to decide them; each pass is read once."""
        tallies: list[list[TallyC2]] = []
        with progress("judge", len(self.positions), unit="images") as advance:
            for image, position in enumerate(self.positions):
                tallies.append(self._tally_all(position, [mixtures[image] for mixtures in deciding]))
                advance()
        return [ImageTallies(self.metric.metric, np.stack(one)) for one in zip(*tallies, strict=True)]

    def tally(self, truth_hw: LabelsHW, labels_hw: LabelsHW) -> TallyC2:
        """The tally of one label map; from its confusion counts, where they say enough."""
        if not self.metric.is_own:
            return self.metric.metric.tally(truth_hw, labels_hw)
        counts_cc = ConfusionMatrix(self.passes.classes).add(truth_hw, labels_hw).counts_cc
        tally_c2: TallyC2 = tallies_of_counts(self.metric, counts_cc[None]).tallies_ic2[0]
        return tally_c2

    def _tally_all(self, position: int, mixtures: Sequence[Mixture]) -> list[TallyC2]:
        truth_hw = self.passes.labels(position)
        different = list(dict.fromkeys(mixtures))
        labels = label_image(self.passes, different, position)
        tally_of = {
            mixture: self.tally(truth_hw, labels_hw)
            for mixture, labels_hw in zip(different, labels, strict=True)
        }
        return [tally_of[mixture] for mixture in mixtures]
