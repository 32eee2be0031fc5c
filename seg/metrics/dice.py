"""Dice of each image and class, the mean over both: 1 where truth and prediction are empty.

The metric of Severstal, "Understanding Clouds", HuBMAP, Carvana and most contests by Dice.
"""

from seg.metrics.metric import MaskHW
from seg.metrics.overlap import count_overlap


def tally_dice(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    return count_overlap(truth_hw, predicted_hw, labelled_hw).dice, 1.0
