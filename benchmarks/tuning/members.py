"""Cached probabilities of members on labelled images of several groups, for the simulation of tuning."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.probability_codec import probabilities_to_levels
from seg.metrics.from_counts import CountedMetric, open_counted_metric
from seg.spec.ensemble.metric import MIOU

PIXELS = 500
"""Random labelled pixels of an image."""


@dataclass(frozen=True, slots=True)
class MemberImages:
    """Random labelled pixels of images, with the levels of all members there.

    Attributes:
        levels: by member, uint8 `[I, C, n]`.
        labels_in: uint8 `[I, n]`.
        groups: of each image.
        prior: the shares of the classes in the training images, float64 `[C]`.
    """

    levels: Mapping[str, NDArray[np.uint8]]
    labels_in: NDArray[np.uint8]
    groups: NDArray[np.str_]
    prior: NDArray[np.float64]

    @classmethod
    def sampled(
        cls,
        members: Mapping[str, NDArray[np.float32]],
        labels_ihw: NDArray[np.uint8],
        groups: NDArray[np.str_],
        prior: NDArray[np.float64],
    ) -> Self:
        """Sample pixels from probabilities, float32 `[I, C, H, W]`."""
        random = np.random.default_rng(0)
        flat_in = labels_ihw.reshape(len(labels_ihw), -1)
        pixels_in = np.stack(
            [random.choice(np.flatnonzero(labels != IGNORE_INDEX), PIXELS) for labels in flat_in]
        )
        levels = {}
        for name, probabilities_ichw in members.items():
            images, classes = probabilities_ichw.shape[:2]
            flat_icn = probabilities_ichw.reshape(images, classes, -1)
            levels[name] = probabilities_to_levels(np.take_along_axis(flat_icn, pixels_in[:, None], 2))
        return cls(levels, np.take_along_axis(flat_in, pixels_in, 1), groups, prior)


def miou_of(classes: int) -> CountedMetric:
    """mIoU of so many classes."""
    infos = [ClassInfo(id=number, name=str(number), colour=(0, 0, 0)) for number in range(classes)]
    return open_counted_metric(MIOU, infos, "multiclass")


def save_member_images(path: Path, images: MemberImages) -> None:
    arrays: dict[str, Any] = {f"member {name}": levels for name, levels in images.levels.items()}
    np.savez_compressed(path, labels=images.labels_in, groups=images.groups, prior=images.prior, **arrays)


def load_member_images(path: Path) -> MemberImages:
    with np.load(path) as stored:
        levels = {
            name.removeprefix("member "): stored[name] for name in stored.files if name.startswith("member ")
        }
        return MemberImages(levels, stored["labels"], stored["groups"], stored["prior"])
