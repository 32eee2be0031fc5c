"""Verify an ONNX file: compare its probabilities with the checkpoint's in PyTorch, on real images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from seg.errors import VerificationError
from seg.export.onnx_file.compare import compare_with_source
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.non_finite import first_non_finite_layer
from seg.export.onnx_file.verification_batches import ImagesNHWC
from seg.image_type import ImageHWB
from seg.models.card import VerificationCard
from seg.terminal.progress import Advance


def verify_onnx_file(
    path: Path, model: ExportedModel, images: Sequence[ImageHWB], advance: Advance
) -> VerificationCard:
    """Compare the ONNX file with the PyTorch module at several sizes and batches; see `compare_with_source`.

    Raises:
        VerificationError: fewer than 99.9% of all labels agree, the file cannot be run, or the checkpoint's
            probabilities are not finite.
    """

    def reference(batch_nhwc: ImagesNHWC) -> NDArray[np.float32]:
        batch = torch.from_numpy(batch_nhwc)
        with torch.no_grad():
            probabilities: NDArray[np.float32] = model(batch).numpy()
        if not np.isfinite(probabilities.sum()):
            layer = first_non_finite_layer(model, batch)
            raise VerificationError(
                f"{path}: the checkpoint's probabilities are not finite, from layer {layer!r} on: train it"
                " again"
            )
        return probabilities

    card = model.segmenter.card
    converted = [card.image_type.convert(one) for one in images]
    return compare_with_source(path, reference, converted, card.stride, "the checkpoint", model.task, advance)
