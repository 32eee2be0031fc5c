"""Compare an ONNX file with its source on real images, at several sizes and batch sizes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from seg.errors import VerificationError
from seg.export.onnx_file.verification_batches import (
    BATCH_SIZES,
    ImagesNHWC,
    verification_batches,
    verification_sizes,
)
from seg.image_type import ImageHWB
from seg.labels.task import Task, labels_of_probabilities
from seg.models.card import VerificationCard
from seg.models.model_file import INPUT
from seg.terminal.progress import Advance

LEAST_AGREEMENT: Final = 0.999
_ERRORS_ONLY: Final = 3

Reference = Callable[[ImagesNHWC], NDArray[np.float32]]
"""What the source predicts: probabilities, float32 `[N, C, H, W]`, all of them finite."""


def compare_with_source(
    path: Path,
    reference: Reference,
    images: Sequence[ImageHWB],
    stride: int,
    source: str,
    task: Task,
    advance: Advance,
) -> VerificationCard:
    """Compare a file's labels with those of its source.

    The sizes are that of the first image, and a crop of it that is neither square nor a multiple of the
    stride.

    Args:
        path: the ONNX file.
        reference: what the source predicts.
        images: of the type that the file takes, of any size.
        stride: what the network's sizes are multiples of.
        source: what the source is called in messages.
        task: what a pixel can be; where classes overlap, all bits of its label must agree.
        advance: told of each image; there are `VERIFIED_IMAGES`.

    Raises:
        VerificationError: fewer than 99.9% of all labels agree, or the file cannot be run.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise VerificationError(f"{path}: ONNX Runtime cannot load it: {_run_error_line(error)}") from error
    largest = 0.0
    agreeing = pixels = 0
    shapes = verification_sizes(images[0].shape[:2], stride)
    for batch_nhwc in verification_batches(images, shapes):
        exported = _run_onnx_file(session, batch_nhwc, path)
        expected = reference(batch_nhwc)
        if exported.shape != expected.shape:
            raise VerificationError(f"{path}: returns shape {exported.shape}, {source} {expected.shape}")
        if not np.isfinite(exported.sum()):
            raise VerificationError(
                f"{path}: returns probabilities that are not finite, unlike {source}: not written"
            )
        largest = max(largest, float(np.abs(exported - expected).max()))
        labels_nhw = labels_of_probabilities(exported, task)
        agreeing += int((labels_nhw == labels_of_probabilities(expected, task)).sum())
        pixels += labels_nhw.size
        advance(len(batch_nhwc))
    agreement = agreeing / pixels
    if agreement < LEAST_AGREEMENT:
        raise VerificationError(
            f"{path}: label agreement with {source} is {agreement:.4%} (at least"
            f" {LEAST_AGREEMENT:.1%} is required), largest difference of a probability {largest:.2e}:"
            " not written"
        )
    return VerificationCard(
        images=len(images),
        batch_sizes=BATCH_SIZES,
        sizes_hw=shapes,
        largest_difference=largest,
        label_agreement=agreement,
    )


def _run_onnx_file(
    session: onnxruntime.InferenceSession, batch_nhwc: ImagesNHWC, path: Path
) -> NDArray[np.float32]:
    try:
        probabilities: NDArray[np.float32] = session.run(None, {INPUT: batch_nhwc})[0]
    except Exception as error:
        batch, height, width, _ = batch_nhwc.shape
        raise VerificationError(
            f"{path}: ONNX Runtime cannot run it on {batch} images of {height}x{width}:"
            f" {_run_error_line(error)}"
        ) from error
    return probabilities


def _run_error_line(error: Exception) -> str:
    return str(error).splitlines()[0]
