"""What a network that was trained elsewhere returns on images, held to what is declared or taken of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from seg.errors import ModelError
from seg.export.sources.declaration import Declaration, InputDeclaration
from seg.export.sources.output_size import shows_whole_image
from seg.export.sources.reference import Floats, reference_inputs, returned_planes
from seg.export.sources.source import RawNetwork
from seg.labels.label_map import ImageHWC
from seg.spec import MemberSpec
from seg.spec.ensemble.imported import REST

_OBSERVED_IMAGES: Final = 4
_TOLERANCE: Final = 0.02
"""By which int8 and float16 may leave 0..1."""

_SUM_TOLERANCE: Final = 1e-3
_RAW_RANGE: Final = 255
"""The widest range of values that a network is fed with: that of pixels as they are."""

_SLACK: Final = 1.01


@dataclass(frozen=True, slots=True)
class ObservedValues:
    """What a network returns for an image, or for its first tile, of the size `fed_hw`: `[K, h, w]`.

    Labels are one plane.
    """

    fed_hw: tuple[int, int]
    planes_khw: Floats


def observe_values(
    network: RawNetwork, images: Sequence[ImageHWC], declared: Declaration
) -> list[ObservedValues]:
    """Run the network as declared on a few images, uint8 RGB of any size."""
    observed = []
    for image_hwc in images[:_OBSERVED_IMAGES]:
        fed = next(reference_inputs(image_hwc, declared.input))
        fed_hw = fed.shape[1:3] if declared.input.layout == "nhwc" else fed.shape[2:4]
        observed.append(ObservedValues(fed_hw, returned_planes(network(fed), declared.output)))
    return observed


def kind_by_values(
    declared: Declaration, observed: Sequence[ObservedValues], member: MemberSpec
) -> Declaration:
    """The declaration with the kind of output that its values tell, where nobody said it.

    Raises:
        ModelError: they are neither logits nor probabilities, or may be two things.
    """
    taken = f"output: {declared.output.kind}"
    if taken not in declared.assumed:
        return declared
    low, high = _value_range(observed)
    if not np.isfinite(low + high):  # Said when the file is compared with its source.
        return declared
    if declared.output.count == 1:
        if low >= 0 and high > 1 + _TOLERANCE:
            raise ModelError(
                f"{member.source}: returns values of {low:.3g} to {high:.3g}, and logits of one class are"
                " negative where it is not: export it again without what follows its logits"
            )
        kind = declared.output.kind if low < 0 or high > 1 else "sigmoid"
    elif low < 0 or high > 1 + _SUM_TOLERANCE:
        kind = declared.output.kind
    elif _sums_to_one(observed):
        kind = "probabilities"
    else:
        raise ModelError(
            f"{member.source}: returns values of 0 to 1 that do not sum to 1 over its classes: say what they"
            " are with 'output: { kind: sigmoid }', probabilities or logits"
        )
    assumed = tuple(f"output: {kind}" if line == taken else line for line in declared.assumed)
    return replace(declared, output=replace(declared.output, kind=kind), assumed=assumed)


def refuse_other_values(
    declared: Declaration, observed: Sequence[ObservedValues], member: MemberSpec
) -> None:
    """Raise ModelError if an output is not the whole image, or its values are not as declared."""
    for one in observed:
        output_hw = one.planes_khw.shape[1:]
        if not shows_whole_image(output_hw, one.fed_hw):
            raise ModelError(
                f"{member.source}: returns {output_hw[0]}x{output_hw[1]} for an image of"
                f" {one.fed_hw[0]}x{one.fed_hw[1]}, which is neither its size nor a fraction of it: it"
                " predicts no class per pixel, or lacks a border: export it again with padding"
            )
    kind = declared.output.kind
    if kind == "labels":
        _refuse_unknown_labels(declared, observed, member)
    elif kind in ("probabilities", "sigmoid"):
        low, high = _value_range(observed)
        if low < -_TOLERANCE or high > 1 + _TOLERANCE:
            logits = "logits" if kind == "probabilities" else "sigmoid-logits"
            raise ModelError(
                f"{member.source}: returns values of {low:.3g} to {high:.3g}, which are no probabilities:"
                f" correct 'output.kind', such as {logits}"
            )


def refuse_other_units(declared: InputDeclaration, member: MemberSpec) -> None:
    """Raise ModelError if `mean` or `std` cannot be in the units that `scale` brings pixels to."""
    most = 255 * declared.scale
    fix = f"{member.name}: 'input.scale' brings pixels to 0 to {most:.4g}"
    for mean in declared.mean:
        if abs(mean) > most * _SLACK:
            raise ModelError(f"{fix}, and 'input.mean' has {mean:g}: give both in the same units")
    for std in declared.std:
        if most / std > _RAW_RANGE * _SLACK:
            raise ModelError(
                f"{fix}, and 'input.std' has {std:g}, so the network gets a range of {most / std:.0f}: give"
                " both in the same units, such as scale: 1/255"
            )


def _refuse_unknown_labels(
    declared: Declaration, observed: Sequence[ObservedValues], member: MemberSpec
) -> None:
    """Labels beyond the classes are of none: that is said with `classes`, as long as `rest` is not in it."""
    if member.classes is not None and REST not in member.classes:
        return
    count = declared.output.count
    for one in observed:
        for label in np.unique(one.planes_khw):
            if label != int(label) or not 0 <= label < count:
                fix = (
                    f"name it in 'classes', too: {label:g}"
                    if member.classes
                    else "say which is which with 'classes: { NUMBER: Ours }'"
                )
                raise ModelError(
                    f"{member.source}: returns the label {label:g}, and is taken to have {count} classes,"
                    f" from 0: {fix}"
                )


def _value_range(observed: Sequence[ObservedValues]) -> tuple[float, float]:
    return (
        min(float(one.planes_khw.min()) for one in observed),
        max(float(one.planes_khw.max()) for one in observed),
    )


def _sums_to_one(observed: Sequence[ObservedValues]) -> bool:
    return all(np.abs(one.planes_khw.sum(axis=0) - 1).max() <= _SUM_TOLERANCE for one in observed)
