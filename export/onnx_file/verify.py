"""Verify an ONNX file: compare its probabilities with the checkpoint's in PyTorch, on real images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from seg.card import VerificationCard
from seg.errors import VerificationError
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.non_finite import first_non_finite_layer
from seg.export.onnx_file.verification_batches import (
    BATCH_SIZES,
    ImagesNHWC,
    verification_batches,
    verification_sizes,
)
from seg.labels import ImageHWC
from seg.model_file import INPUT

LEAST_AGREEMENT: Final = 0.999
_ERRORS_ONLY: Final = 3


def verify(path: Path, model: ExportedModel, images: Sequence[ImageHWC]) -> VerificationCard:
    """Compare the ONNX file with the PyTorch module at several sizes and batch sizes.

    The sizes are that of the first image, and a crop of it that is neither square nor a multiple of the
    stride.

    Raises:
        VerificationError: fewer than 99.9% of all labels agree, or the file cannot be run.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise VerificationError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
    largest = 0.0
    agreeing = pixels = 0
    shapes = verification_sizes(images[0].shape[:2], model.segmenter.card.stride)
    for batch_nhwc in verification_batches(images, shapes):
        exported = _run(session, batch_nhwc, path)
        with torch.no_grad():
            reference = model(torch.from_numpy(batch_nhwc)).numpy()
        if exported.shape != reference.shape:
            raise VerificationError(f"{path}: returns shape {exported.shape}, PyTorch {reference.shape}")
        _refuse_not_finite(path, model, batch_nhwc, exported, reference)
        largest = max(largest, float(np.abs(exported - reference).max()))
        agreeing += int((exported.argmax(1) == reference.argmax(1)).sum())
        pixels += exported.argmax(1).size
    agreement = agreeing / pixels
    if agreement < LEAST_AGREEMENT:
        raise VerificationError(
            f"{path}: label agreement with the checkpoint is {agreement:.4%} (at least"
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


def _refuse_not_finite(
    path: Path,
    model: ExportedModel,
    batch_nhwc: ImagesNHWC,
    exported: NDArray[np.float32],
    reference: NDArray[np.float32],
) -> None:
    if not np.isfinite(reference.sum()):
        layer = first_non_finite_layer(model, torch.from_numpy(batch_nhwc))
        raise VerificationError(
            f"{path}: the checkpoint's probabilities are not finite, from layer {layer!r} on: train it again"
        )
    if not np.isfinite(exported.sum()):
        raise VerificationError(
            f"{path}: returns probabilities that are not finite, unlike PyTorch: not written"
        )


def _run(session: onnxruntime.InferenceSession, batch_nhwc: ImagesNHWC, path: Path) -> NDArray[np.float32]:
    try:
        probabilities: NDArray[np.float32] = session.run(None, {INPUT: batch_nhwc})[0]
    except Exception as error:
        batch, height, width, _ = batch_nhwc.shape
        raise VerificationError(
            f"{path}: ONNX Runtime cannot run it on {batch} images of {height}x{width}: {_first_line(error)}"
        ) from error
    return probabilities


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
