"""Measure a file on a runtime: its time, the labels equal to those of fp32, and its mIoU."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.engine.runtimes.profiling import least_seconds
from seg.errors import VerificationError
from seg.export.onnx_file.verification_batches import verification_batches, verification_sizes
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap, Task, classes_overlap, labels_of_probabilities, masks_of
from seg.models.card import PrecisionCandidateCard, PrecisionName
from seg.train.metrics.confusion import confusion_matrix, iou_per_class

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Images, uint8 `[N, H, W, 3]`, to probabilities, float32 `[N, C, H, W]`."""

OpenModel = Callable[[Path, str], Predict]
"""A model file and the name of a runtime to what predictors."""

MOST_IMAGES: Final = 200
SHAPE_IMAGES: Final = 6
TIMED_S: Final = 1.0
SLACK_AT_WORST: Final = 2.0
"""One odd batch or size may disagree on so many times what the whole may: it has few pixels."""


@dataclass(frozen=True, slots=True)
class PrecisionGate:
    """`least_agreement` is a share of labels, `largest_loss` in points (hundredths) of mIoU."""

    least_agreement: float
    largest_loss: float

    def passes(self, agreement: float, at_worst: float, loss: float) -> bool:
        least_at_worst = 1 - SLACK_AT_WORST * (1 - self.least_agreement)
        return agreement >= self.least_agreement and at_worst >= least_at_worst and loss <= self.largest_loss


@dataclass(frozen=True, slots=True)
class Fp32Reference:
    """The labels of fp32 on the CPU: for validation images, and for batches of several shapes."""

    split: Split
    indices: Sequence[int]
    task: Task
    labels: Sequence[LabelMap]
    iou_c: Tensor
    shaped: Sequence[tuple[NDArray[np.uint8], LabelMap]]


def take_fp32_reference(predict: Predict, split: Split, stride: int, task: Task) -> Fp32Reference:
    """Let the reference predict the validation images, at most `MOST_IMAGES` of them, evenly spread.

    Raises:
        VerificationError: its probabilities for one are not finite.
    """
    total = len(split.samples)
    indices = [n * total // min(total, MOST_IMAGES) for n in range(min(total, MOST_IMAGES))]
    labels = []
    for index in indices:
        image = split.samples[index]
        probabilities = predict(read_sample(image)[None])
        if not np.isfinite(probabilities.sum()):
            raise VerificationError(
                f"the fp32 model's probabilities are not finite on validation image {image.id}: train it"
                " again"
            )
        labels.append(labels_of_probabilities(probabilities, task))
    some = list(_validation_images_at(split, indices[:: max(1, len(indices) // SHAPE_IMAGES)][:SHAPE_IMAGES]))
    shaped = [
        (batch, labels_of_probabilities(predict(batch), task))
        for batch in verification_batches(some, verification_sizes(some[0].shape[:2], stride))
    ]
    return Fp32Reference(
        split, indices, task, labels, _iou_of_precision(split, indices, labels, task), shaped
    )


def measure_precision(
    model: Path,
    precision: PrecisionName,
    runtime: str,
    predict: Predict,
    reference: Fp32Reference,
    gate: PrecisionGate,
) -> PrecisionCandidateCard:
    """All figures of one candidate, which does not pass if a probability of it is not finite."""
    split, indices, task = reference.split, reference.indices, reference.task
    is_finite = True

    def watched(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        nonlocal is_finite
        probabilities = predict(images_nhwc)
        with np.errstate(invalid="ignore"):
            is_finite &= bool(np.isfinite(probabilities.sum()))
        return probabilities

    labels = [
        labels_of_probabilities(watched(image_hwc[None]), task)
        for image_hwc in _validation_images_at(split, indices)
    ]
    agreement = _agreement_with_reference(labels, reference.labels)
    shaped = [(labels_of_probabilities(watched(batch), task), truth) for batch, truth in reference.shaped]
    at_worst = min(agreement, *(_agreement_with_reference([ours], [truth]) for ours, truth in shaped))
    before, after = reference.iou_c, _iou_of_precision(split, indices, labels, task)
    # Where no image has any class and none is found, there is no IoU to lose.
    loss = float((before.nanmean() - after.nanmean()).nan_to_num()) * 100
    fall = torch.nan_to_num(before - after, nan=-1.0)
    return PrecisionCandidateCard(
        precision=precision,
        runtime=runtime,
        megabytes=model.stat().st_size / 1e6,
        milliseconds=_milliseconds_of_image(predict, next(_validation_images_at(split, indices))),
        agreement=agreement,
        agreement_at_worst=at_worst,
        miou=float(after.nanmean().nan_to_num()),
        loss=loss,
        worst_class=split.classes[int(fall.argmax())].name,
        largest_class_loss=float(fall.max()) * 100,
        passed=is_finite and gate.passes(agreement, at_worst, loss),
    )


def _milliseconds_of_image(predict: Predict, image_hwc: ImageHWB) -> float:
    return least_seconds(lambda: predict(image_hwc[None]), TIMED_S) * 1e3


def _agreement_with_reference(ours: Sequence[LabelMap], theirs: Sequence[LabelMap]) -> float:
    equal = sum(int((a == b).sum()) for a, b in zip(ours, theirs, strict=True))
    return equal / sum(labels.size for labels in theirs)


def _validation_images_at(split: Split, indices: Sequence[int]) -> Iterator[ImageHWB]:
    return (read_sample(split.samples[index]) for index in indices)


def _iou_of_precision(split: Split, indices: Sequence[int], labels: Sequence[LabelMap], task: Task) -> Tensor:
    """The IoU of each class over all images, `[C]`; NaN of a class that is nowhere."""
    classes = len(split.classes)
    if classes_overlap(task):
        return _mask_iou_of_precision(split, indices, labels, task)
    counts_cc = torch.zeros((classes, classes), dtype=torch.int64)
    for index, ours_nhw in zip(indices, labels, strict=True):
        truth = torch.from_numpy(split.labels(index).astype(np.int64))
        counts_cc += confusion_matrix(truth, torch.from_numpy(ours_nhw[0].astype(np.int64)), classes)
    return iou_per_class(counts_cc)


def _mask_iou_of_precision(
    split: Split, indices: Sequence[int], labels: Sequence[LabelMap], task: Task
) -> Tensor:
    classes = len(split.classes)
    both_c, either_c = torch.zeros(classes), torch.zeros(classes)
    for index, ours_nhw in zip(indices, labels, strict=True):
        truth_chw = masks_of(split.labels(index), task, classes)
        ours_chw = masks_of(ours_nhw[0], task, classes)
        both_c += torch.from_numpy((truth_chw & ours_chw).sum((1, 2)))
        either_c += torch.from_numpy((truth_chw | ours_chw).sum((1, 2)))
    return both_c / either_c
