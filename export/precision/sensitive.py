"""Which layers int8 hurts, found by trying, and an int8 graph that leaves as many in float as needed."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from seg.export.precision.quantise import Layer, layers_of, quantise
from seg.export.precision.ranges import clipping_values
from seg.labels import ImageHWC
from seg.model_file import INPUT
from seg.progress import progress

RANKING_IMAGES: Final = 4
MOST_RELEASED: Final = 0.5
"""The share of layers in float beyond which int8 is given up."""

_ERRORS_ONLY: Final = 3
Gate = Callable[[onnx.ModelProto], bool]


def quantise_within(
    model: onnx.ModelProto, images: Sequence[ImageHWC], least_agreement: float, passes: Gate
) -> tuple[onnx.ModelProto, tuple[str, ...]] | None:
    """An int8 graph that passes, and the names of its layers in float, the most sensitive first.

    Twice as many layers are released each time, until the labels of the calibration images agree and then
    the gate is passed; None where half of all layers are not enough.

    Args:
        model: an exported graph in float32.
        images: real images to fit the ranges to.
        least_agreement: the share of labels that must be those of `model`.
        passes: judges a graph on other images; costly.
    """
    layers = layers_of(model)
    clipping = clipping_values(model, sorted({layer.source for layer in layers}), images)
    truth = _labels(model, images)

    def agreement(quantised: Sequence[Layer], count: int) -> float:
        found = _labels(quantise(model, quantised, clipping), images[:count])
        return float(np.mean([np.mean(a == b) for a, b in zip(found, truth, strict=False)]))

    if agreement(layers, len(images)) >= least_agreement:
        ranked = list(layers)
    else:
        ranked = _most_sensitive_first(layers, lambda layer: agreement([layer], RANKING_IMAGES))
    released = 0
    while released <= MOST_RELEASED * len(layers):
        left = ranked[released:]
        if agreement(left, len(images)) >= least_agreement:
            candidate = quantise(model, left, clipping)
            if passes(candidate):
                return candidate, tuple(layer.name for layer in ranked[:released])
        released = max(1, 2 * released)
    return None


def _most_sensitive_first(layers: Sequence[Layer], alone: Callable[[Layer], float]) -> list[Layer]:
    agreements = {}
    with progress("ranking layers", len(layers), unit="layers") as advance:
        for layer in layers:
            agreements[layer] = alone(layer)
            advance()
    return sorted(layers, key=lambda layer: agreements[layer])


def _labels(model: onnx.ModelProto, images: Sequence[ImageHWC]) -> list[NDArray[np.intp]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [session.run(None, {INPUT: image_hwc[None]})[0].argmax(1) for image_hwc in images]
