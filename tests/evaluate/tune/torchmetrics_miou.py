"""The mIoU of a mixture of members, by numpy and torchmetrics: what tuning is compared with."""

import numpy as np
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.scorer import PixelScorer


def miou_by_torchmetrics(scorer: PixelScorer, mixture: Mixture) -> float:
    """mIoU of the weighted mean, with numpy and torchmetrics."""
    merged_icn = sum(
        weight * np.mean([(scorer.levels[member, view] / 255) ** 2 for view in mixture.views[member]], axis=0)
        for member, weight in enumerate(mixture.weights)
    )
    metric = MulticlassJaccardIndex(scorer.classes, average="macro")
    return float(metric(torch.tensor(merged_icn.argmax(1)), torch.tensor(scorer.labels_in.astype(int))))
