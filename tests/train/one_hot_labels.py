"""Labels with the soft labels of a teacher who is as sure as the labels are."""

import numpy as np
from numpy.typing import NDArray

from seg.labels.label_map import LabelsHW


def with_one_hot(labels_hw: LabelsHW, classes: int) -> NDArray[np.uint8]:
    """A student's truth whose teacher is as sure as the labels are, `[H, W, 1 + C]`."""
    one_hot = np.eye(classes, dtype=np.uint8)[labels_hw.clip(0, classes - 1)] * 255
    return np.dstack([labels_hw, one_hot])
