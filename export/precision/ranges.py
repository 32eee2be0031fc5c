"""The ranges of a graph's tensors on real images, to which int8 is scaled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from seg.errors import VerificationError
from seg.image_type import ImageHWB
from seg.models.model_file import INPUT, image_type_of_model_input

BINS: Final = 2048
STEPS: Final = 127
"""Positive values of a signed byte with zero at 0."""

_FEWEST_BINS: Final = 128
_ERRORS_ONLY: Final = 3


def clipping_values(
    model: onnx.ModelProto, tensors: Sequence[str], images: Sequence[ImageHWB]
) -> Mapping[str, float]:
    """The absolute value of each tensor beyond which clipping to a byte errs least, in squares.

    Goes through the images twice: for the largest values, and for their histogram.

    Raises:
        VerificationError: a tensor's values are not finite.
    """
    session = _session_that_shows(model, tensors)
    images = [image_type_of_model_input(model).convert(image) for image in images]
    largest = np.full(len(tensors), np.finfo(np.float32).tiny)
    for values in _tensor_values_of_images(session, images):
        largest = np.maximum(largest, [float(np.abs(value).max(initial=0)) for value in values])
    for name, top in zip(tensors, largest, strict=True):
        if not np.isfinite(top):
            raise VerificationError(f"{name}: its values are not finite on training images: train again")
    counts = np.zeros((len(tensors), BINS))
    for values in _tensor_values_of_images(session, images):
        for row, (value, top) in enumerate(zip(values, largest, strict=True)):
            counts[row] += np.histogram(np.abs(value), BINS, (0.0, float(top)))[0]
    return {
        name: least_error_clip(row) * float(top)
        for name, row, top in zip(tensors, counts, largest, strict=True)
    }


def least_error_clip(counts: NDArray[np.float64]) -> float:
    """The share of a histogram's range, from 0, that is best kept when `STEPS` values must do for it.

    What is kept errs by at most half a step, evenly; what is clipped errs by its distance to the end.
    """
    bins = len(counts)
    centres = np.arange(bins) + 0.5
    ends = np.arange(_FEWEST_BINS, bins + 1)
    kept = np.cumsum(counts)[ends - 1] * (ends / STEPS) ** 2 / 12
    beyond = [float((counts[end:] * (centres[end:] - end) ** 2).sum()) for end in ends]
    return float(ends[np.argmin(kept + beyond)]) / bins


def _session_that_shows(model: onnx.ModelProto, tensors: Sequence[str]) -> onnxruntime.InferenceSession:
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _tensor_values_of_images(
    session: onnxruntime.InferenceSession, images: Sequence[ImageHWB]
) -> Iterable[Sequence[NDArray[np.float32]]]:
    for image_hwc in images:
        yield session.run(None, {INPUT: image_hwc[None]})
