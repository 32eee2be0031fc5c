"""A fused model against the engine, pixel by pixel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from seg.errors import VerificationError
from seg.export.fuse.card import FusionCheck
from seg.export.fuse.output_names import FusedOutput
from seg.export.onnx_file.verification_batches import ImagesNHWC, verification_batches, verification_sizes
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import LabelMap, Task, classes_overlap
from seg.models.model_file import INPUT
from seg.terminal.progress import progress

SINGLY: Final = (1, 1, 1)
BATCHED: Final = (1, 2)
"""Sizes of batches: at full size a second image would take as much memory again."""

LEAST_LEAD: Final = 1e-5
"""Two classes whose probabilities differ by less, or a class and its threshold, are a tie.

The last bits of a sum decide.
"""

TOLERANCE: Final = 1e-4
LARGEST_SHARE_OF_FAULTS: Final = 1e-3
_ERRORS_ONLY: Final = 3


class ExpectedFusedOutput(NamedTuple):
    """What the engine says of an image, and where a tie decided what it says, bool `[H, W]`."""

    labels_hw: LabelMap
    probabilities_chw: ProbabilitiesCHW
    tied_hw: NDArray[np.bool_]
    confidence_hw: NDArray[np.float32]
    task: Task


Outputs = dict[str, NDArray[Any]]
"""Arrays by their names."""

Model = Callable[[ImagesNHWC], Outputs]
"""Images `[N, H, W, B]` to outputs."""

EngineReference = Callable[[ImageHWB], ExpectedFusedOutput]
"""What the engine gives for an image."""


@dataclass(slots=True)
class _FusionTally:
    pixels: int = 0
    ties: int = 0
    faults: int = 0
    largest_difference: float | None = None

    def add(self, found: Outputs, expected: ExpectedFusedOutput) -> None:
        """Count one image's pixels; `found` has its outputs by name."""
        wrong_hw = np.zeros(expected.labels_hw.shape, dtype=np.bool_)
        if FusedOutput.labels in found:
            wrong_hw |= found[FusedOutput.labels] != expected.labels_hw
        if FusedOutput.probabilities in found and not classes_overlap(expected.task):
            wrong_hw |= found[FusedOutput.probabilities].argmax(0) != expected.probabilities_chw.argmax(0)
        for difference_hw in _probability_differences(found, expected):
            wrong_hw |= ~(difference_hw <= TOLERANCE)
            self.largest_difference = max(self.largest_difference or 0.0, float(difference_hw.max()))
        self.pixels += wrong_hw.size
        self.ties += int((wrong_hw & expected.tied_hw).sum())
        self.faults += int((wrong_hw & ~expected.tied_hw).sum())


def check_fused_model(
    model: Model, images: Sequence[ImageHWB], reference: EngineReference, *, stride: int, exactly: bool
) -> FusionCheck:
    """Hold all outputs of a fused model to what the engine says, one by one, and cropped in a batch, too.

    Args:
        model: what it says.
        images: of the type that the model takes, of any size.
        reference: what the engine predicts.
        stride: the crops are no multiple of it, and not square.
        exactly: no pixel may differ but for ties; else one in a thousand may, as networks in less than fp32
            round otherwise in a larger batch.

    Raises:
        VerificationError: the model cannot be run, or differs.
    """
    whole, cropped = verification_sizes(images[0].shape[:2], stride)
    checked = [
        *verification_batches(images, [whole], SINGLY),
        *verification_batches(images, [cropped], BATCHED),
    ]
    tally = _FusionTally()
    with progress("verify", sum(map(len, checked)), unit="images") as advance:
        for batch_nhwc in checked:
            found = model(batch_nhwc)
            for row, image_hwc in enumerate(batch_nhwc):
                tally.add({name: array[row] for name, array in found.items()}, reference(image_hwc))
                advance()
    if tally.faults > (0 if exactly else LARGEST_SHARE_OF_FAULTS * tally.pixels):
        raise VerificationError(
            f"{tally.faults} of {tally.pixels} pixels are not the engine's, and no ties: not written"
        )
    return FusionCheck(
        shapes_nhw=tuple(batch_nhwc.shape[:3] for batch_nhwc in checked),
        pixels=tally.pixels,
        agreement=1 - (tally.ties + tally.faults) / tally.pixels,
        ties=tally.ties,
        faults=tally.faults,
        largest_difference=tally.largest_difference,
    )


def open_onnx_session(path: Path) -> onnxruntime.InferenceSession:
    """Load a model on the CPU; raises VerificationError where ONNX Runtime cannot."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise VerificationError(
            f"ONNX Runtime cannot load it: {_load_error_line(error)}: not written"
        ) from error


def open_fused_model(path: Path) -> Model:
    """Load a fused model on the CPU.

    Raises:
        VerificationError: ONNX Runtime cannot load it, or later not run it.
    """
    session = open_onnx_session(path)
    names = [output.name for output in session.get_outputs()]

    def run(batch_nhwc: ImagesNHWC) -> Outputs:
        try:
            return dict(zip(names, session.run(names, {INPUT: batch_nhwc}), strict=True))
        except Exception as error:
            batch, height, width, _ = batch_nhwc.shape
            raise VerificationError(
                f"ONNX Runtime cannot run it on {batch} images of {height}x{width}:"
                f" {_load_error_line(error)}: not written"
            ) from error

    return run


def _load_error_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _probability_differences(found: Outputs, expected: ExpectedFusedOutput) -> list[NDArray[np.float32]]:
    """Of what is a probability: how far each pixel is from what is expected, `[H, W]`."""
    differences = []
    if FusedOutput.probabilities in found:
        differences.append(np.abs(found[FusedOutput.probabilities] - expected.probabilities_chw).max(0))
    if FusedOutput.confidence in found:
        differences.append(np.abs(found[FusedOutput.confidence] - expected.confidence_hw))
    return differences
