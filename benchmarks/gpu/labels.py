"""Label maps that contenders leave, to be compared once all are there."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seg.files.atomic import atomic_path
from seg.labels.label_map import LabelsHW


def save_labels(path: Path, labels: Mapping[str, LabelsHW]) -> None:
    """Write the label map of each image, by its id."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **labels)


def share_of_equal(ours: Path, theirs: Path) -> float | None:
    """The mean share of equal labels of those images that are in both files; None where there are none."""
    with np.load(ours) as one, np.load(theirs) as other:
        shares = [float((one[key] == other[key]).mean()) for key in one.files if key in other.files]
    return float(np.mean(shares)) if shares else None
