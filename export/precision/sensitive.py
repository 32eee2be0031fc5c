"""Layers that int8 harms, found by trying each, and an int8 graph that leaves those in float."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnx

from seg.export.precision.measure import Predict
from seg.export.precision.quantise import QuantisableLayer, quantisable_layers_of, quantise_layers
from seg.export.precision.ranges import clipping_values
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap, Task, labels_of_probabilities
from seg.terminal.progress import progress

RANKING_IMAGES: Final = 4
MOST_RELEASED: Final = 0.5
"""The share of layers in float beyond which int8 is given up."""

Gate = Callable[[onnx.ModelProto], bool]
OpenEverywhere = Callable[[onnx.ModelProto], Sequence[Predict]]


def quantise_within_gate(
    model: onnx.ModelProto,
    images: Sequence[ImageHWB],
    task: Task,
    least_agreement: float,
    open_everywhere: OpenEverywhere,
    passes: Gate,
) -> tuple[onnx.ModelProto, tuple[str, ...]] | None:
    """An int8 graph that passes, and the names of its layers in float, the most sensitive first.

    Twice as many layers are released each time, until the labels of the calibration images agree and then
    the gate is passed; None where half of all layers are not enough.

    Args:
        model: an exported graph in float32.
        images: real images to fit the ranges to.
        task: what a pixel can be.
        least_agreement: the share of labels that must be those of `model`, on every runtime.
        open_everywhere: opens a graph on all runtimes, the reference first: they fuse int8 each in its own
            way, and what one gets right another may not.
        passes: judges a graph on other images; costly.
    """
    layers = quantisable_layers_of(model)
    clipping = clipping_values(model, sorted({layer.source for layer in layers}), images)
    truth = _labels_of_candidate(open_everywhere(model)[0], images, task)

    def agreement(quantised: Sequence[QuantisableLayer], count: int) -> float:
        predictors = open_everywhere(quantise_layers(model, quantised, clipping))
        return min(
            _share_of_equal_labels(_labels_of_candidate(predict, images[:count], task), truth[:count])
            for predict in predictors
        )

    if agreement(layers, len(images)) >= least_agreement:
        ranked = list(layers)
    else:
        ranked = _most_sensitive_layers_first(layers, lambda layer: agreement([layer], RANKING_IMAGES))
    released = 0
    while released <= MOST_RELEASED * len(layers):
        left = ranked[released:]
        if agreement(left, len(images)) >= least_agreement:
            candidate = quantise_layers(model, left, clipping)
            if passes(candidate):
                return candidate, tuple(layer.name for layer in ranked[:released])
        released = max(1, 2 * released)
    return None


def _most_sensitive_layers_first(
    layers: Sequence[QuantisableLayer], alone: Callable[[QuantisableLayer], float]
) -> list[QuantisableLayer]:
    agreements = {}
    with progress("ranking layers", len(layers), unit="layers") as advance:
        for layer in layers:
            agreements[layer] = alone(layer)
            advance()
    return sorted(layers, key=lambda layer: agreements[layer])


def _labels_of_candidate(predict: Predict, images: Sequence[ImageHWB], task: Task) -> list[LabelMap]:
    return [labels_of_probabilities(predict(image_hwc[None]), task) for image_hwc in images]


def _share_of_equal_labels(ours: Sequence[LabelMap], theirs: Sequence[LabelMap]) -> float:
    return float(np.mean([np.mean(a == b) for a, b in zip(ours, theirs, strict=True)]))
