"""Opset: write a graph in the oldest ONNX opset that its operators allow, so that old runtimes open it.

A runtime refuses opsets and IR versions newer than those it was made for, whatever is in the graph.
"""

from typing import Final

import onnx
from onnx import helper, version_converter
from onnx.defs import OpSchema, SchemaError, get_schema

from seg.errors import ModelError
from seg.models.safety import LARGEST_MODEL_BYTES, STANDARD_DOMAINS, nodes_of_onnx

OLDEST: Final = 17
"""The first opset to try; it comes with IR version 8, which ONNX Runtime reads since 1.12."""

_COUNTED_SPLIT: Final = 18
"""From this opset on, a Split must give the number or the sizes of its parts."""


def opset_of(model: onnx.ModelProto) -> int:
    """The opset version of ONNX's standard operators in a model."""
    return max(entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS)


def lower_opset(model: onnx.ModelProto, asked: int | None = None) -> None:
    """Write a graph in the oldest opset that its operators allow, or in the requested one.

    Nodes and values do not change, except that attributes with default values are dropped.

    Raises:
        ModelError: the graph cannot be written in the requested opset; the message names the operator.
    """
    for opset in (asked,) if asked else range(OLDEST, opset_of(model)):
        if convert_to_opset(model, opset):
            return
    if asked:
        hindrance = _first_unsupported(model, asked) or "with other types"
        raise ModelError(
            f"opset {asked}: the graph has an operator {hindrance}, which differs in that opset: remove"
            " export.opset to use the oldest that fits"
        )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)


def convert_to_opset(model: onnx.ModelProto, opset: int) -> bool:
    """Write a graph in another opset if all its nodes mean the same there; returns whether it was done."""
    if _first_unsupported(model, opset):
        return False
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for entry in changed.opset_import:
        if entry.domain in STANDARD_DOMAINS:
            entry.version = opset
    changed.ir_version = helper.find_min_ir_version_for(changed.opset_import)
    for node in nodes_of_onnx(changed):
        _drop_default_attributes(
            node, get_schema(node.op_type, opset, ""), get_schema(node.op_type, opset_of(model), "")
        )
    if not _is_valid_onnx(changed):
        return False
    model.CopyFrom(changed)
    return True


def graph_in_opset(model: onnx.ModelProto, opset: int, path: object) -> onnx.ModelProto:
    """The graph in that opset, with other nodes where its own mean something else there.

    Raises:
        ModelError: the converter of ONNX does not know how.
    """
    if opset_of(model) == opset or convert_to_opset(model, opset):
        return model
    try:
        return version_converter.convert_version(model, opset)
    except RuntimeError as error:  # the converter's own exceptions derive from it
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path}: cannot be brought from opset {opset_of(model)} to {opset}: {reason}"
        ) from error


def _first_unsupported(model: onnx.ModelProto, opset: int) -> str:
    now = opset_of(model)
    return next((node.op_type for node in nodes_of_onnx(model) if not _node_fits_opset(node, now, opset)), "")


def _node_fits_opset(node: onnx.NodeProto, now: int, opset: int) -> bool:
    try:
        there, here = get_schema(node.op_type, opset, ""), get_schema(node.op_type, now, "")
    except SchemaError:
        return False
    if there.since_version == here.since_version:
        return True
    if node.op_type == "Split" and opset >= _COUNTED_SPLIT > now and len(node.input) < 2:
        return False
    attributes = {attribute.name: attribute for attribute in node.attribute}
    return (
        len(node.input) <= there.max_input
        and len(node.output) <= there.max_output
        and all(
            name in there.attributes or _is_default_attribute(attributes[name], here) for name in attributes
        )
        and all(
            _default_of_attribute(there, name) == _default_of_attribute(here, name)
            for name in there.attributes
            if name not in attributes
        )
    )


def _drop_default_attributes(node: onnx.NodeProto, there: OpSchema, here: OpSchema) -> None:
    kept = [
        one for one in node.attribute if one.name in there.attributes or not _is_default_attribute(one, here)
    ]
    del node.attribute[:]
    node.attribute.extend(kept)


def _is_default_attribute(attribute: onnx.AttributeProto, schema: OpSchema) -> bool:
    default = _default_of_attribute(schema, attribute.name)
    return default is not None and helper.get_attribute_value(attribute) == default


def _default_of_attribute(schema: OpSchema, name: str) -> object:
    found = schema.attributes.get(name)
    if found is None or not found.default_value.name:
        return None
    return helper.get_attribute_value(found.default_value)


def _is_valid_onnx(model: onnx.ModelProto) -> bool:
    """Whether the model passes ONNX's checker; not checked if it is too large for one protobuf message."""
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) >= LARGEST_MODEL_BYTES:
        return True
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True
