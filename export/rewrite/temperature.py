"""The division by the temperature, before logits are interpolated rather than after."""

from typing import Final

import onnx

from seg.export.rewrite.editor import GraphEditor, attributes_of
from seg.temperature import TEMPERATURE

_AVERAGING: Final = (b"linear", b"nearest")


def divide_where_logits_are_few(bench: GraphEditor) -> None:
    """Move the division up past crops and interpolations, which it commutes with."""
    division = next(node for node in bench.nodes("Div") if TEMPERATURE in node.input)
    passed = _commuting_above(bench, division.input[0])
    if not passed:
        return
    lowest, highest = passed[0], passed[-1]
    place = list(bench.graph.node).index(highest)
    bench.graph.node.remove(division)
    lowest.output[0] = division.output[0]
    division.input[0] = highest.input[0]
    division.output[0] = highest.input[0] = f"{division.input[0]}/{TEMPERATURE}"
    bench.graph.node.insert(place, division)


def _commuting_above(bench: GraphEditor, tensor: str) -> list[onnx.NodeProto]:
    """What a tensor passed through, from the last on, as long as it only picks and averages values."""
    passed: list[onnx.NodeProto] = []
    maker = bench.maker(tensor)
    while maker is not None and _commutes(maker) and len(bench.readers(maker.output[0])) == 1:
        passed.append(maker)
        maker = bench.maker(maker.input[0])
    return passed


def _commutes(node: onnx.NodeProto) -> bool:
    return node.op_type == "Slice" or (
        node.op_type == "Resize" and attributes_of(node).get("mode") in _AVERAGING
    )
