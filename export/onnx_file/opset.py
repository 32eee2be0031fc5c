"""The oldest version of ONNX's operators that a graph can be written in, so that old runtimes open it.

Each runtime refuses opsets and IR versions beyond those it was made for, whatever is in the graph.
"""

from typing import Final

import onnx
from onnx import helper
from onnx.defs import OpSchema, SchemaError, get_schema

from seg.errors import ModelError
from seg.model_safety import LARGEST_MODEL_BYTES, STANDARD_DOMAINS, nodes_of

OLDEST: Final = 17
"""What graphs are tried in first: IR version 8, which ONNX Runtime reads since 1.12."""

_COUNTED_SPLIT: Final = 18
"""From this opset on a Split says how many parts there are, or their sizes."""


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's standard operators that a model is written in."""
    return max(entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS)


def lower_opset(model: onnx.ModelProto, asked: int | None = None) -> None:
    """Write a graph in the oldest opset that its operators allow, or in the one that is asked for.

    Nodes stay as they are, but for attributes that say what goes without saying; so do all values.

    Raises:
        ModelError: the graph cannot be written in the opset that is asked for; names the operator.
    """
    for opset in (asked,) if asked else range(OLDEST, opset_of(model)):
        if in_opset(model, opset):
            return
    if asked:
        hindrance = _first_that_does_not_fit(model, asked) or "that takes other types"
        raise ModelError(
            f"opset {asked}: the graph has an operator {hindrance}, which is not the same there: leave"
            " export.opset away, and the oldest that fits is taken"
        )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)


def in_opset(model: onnx.ModelProto, opset: int) -> bool:
    """Write a graph in another opset, if all its nodes mean the same there; else leave it as it is."""
    if _first_that_does_not_fit(model, opset):
        return False
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for entry in changed.opset_import:
        if entry.domain in STANDARD_DOMAINS:
            entry.version = opset
    changed.ir_version = helper.find_min_ir_version_for(changed.opset_import)
    for node in nodes_of(changed):
        _drop_defaults(
            node, get_schema(node.op_type, opset, ""), get_schema(node.op_type, opset_of(model), "")
        )
    if not _is_valid(changed):
        return False
    model.CopyFrom(changed)
    return True


def _first_that_does_not_fit(model: onnx.ModelProto, opset: int) -> str:
    now = opset_of(model)
    return next((node.op_type for node in nodes_of(model) if not _fits(node, now, opset)), "")


def _fits(node: onnx.NodeProto, now: int, opset: int) -> bool:
    try:
        there, here = get_schema(node.op_type, opset, ""), get_schema(node.op_type, now, "")
    except SchemaError:
        return False
    if there.since_version == here.since_version:
        return True
    if node.op_type == "Split" and opset >= _COUNTED_SPLIT > now and len(node.input) < 2:
        return False
    said = {attribute.name: attribute for attribute in node.attribute}
    return (
        len(node.input) <= there.max_input
        and len(node.output) <= there.max_output
        and all(name in there.attributes or _is_default(said[name], here) for name in said)
        and all(
            _default(there, name) == _default(here, name) for name in there.attributes if name not in said
        )
    )


def _drop_defaults(node: onnx.NodeProto, there: OpSchema, here: OpSchema) -> None:
    kept = [one for one in node.attribute if one.name in there.attributes or not _is_default(one, here)]
    del node.attribute[:]
    node.attribute.extend(kept)


def _is_default(attribute: onnx.AttributeProto, schema: OpSchema) -> bool:
    default = _default(schema, attribute.name)
    return default is not None and helper.get_attribute_value(attribute) == default


def _default(schema: OpSchema, name: str) -> object:
    found = schema.attributes.get(name)
    if found is None or not found.default_value.name:
        return None
    return helper.get_attribute_value(found.default_value)


def _is_valid(model: onnx.ModelProto) -> bool:
    """Whether types are such as the opset has them; not asked of models too large for one message."""
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) >= LARGEST_MODEL_BYTES:
        return True
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True
