"""Divide by the temperature before logits are resized, while they are few, rather than after."""

from typing import Final

import onnx

from seg.export.rewrite.editor import GraphEditor, attributes_of_node
from seg.models.temperature import TEMPERATURE

_AVERAGING: Final = (b"linear", b"nearest")


def divide_by_temperature_before_resize(editor: GraphEditor) -> None:
    """Move the division before crops and interpolations, with which it commutes."""
    division = next(node for node in editor.nodes("Div") if TEMPERATURE in node.input)
    passed = _commuting_above(editor, division.input[0])
    if not passed:
        return
    lowest, highest = passed[0], passed[-1]
    place = list(editor.graph.node).index(highest)
    editor.graph.node.remove(division)
    lowest.output[0] = division.output[0]
    division.input[0] = highest.input[0]
    division.output[0] = highest.input[0] = f"{division.input[0]}/{TEMPERATURE}"
    editor.graph.node.insert(place, division)


def _commuting_above(editor: GraphEditor, tensor: str) -> list[onnx.NodeProto]:
    """The nodes before a tensor, the last first, that only select or average values."""
    passed: list[onnx.NodeProto] = []
    producer = editor.producer(tensor)
    while (
        producer is not None
        and _commutes_with_division(producer)
        and len(editor.consumers(producer.output[0])) == 1
    ):
        passed.append(producer)
        producer = editor.producer(producer.input[0])
    return passed


def _commutes_with_division(node: onnx.NodeProto) -> bool:
    return node.op_type == "Slice" or (
        node.op_type == "Resize" and attributes_of_node(node).get("mode") in _AVERAGING
    )
