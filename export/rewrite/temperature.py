"""The division by the temperature, before logits are interpolated rather than after."""

from typing import Final

from seg.export.rewrite.graph import Workbench, said
from seg.temperature import TEMPERATURE

_LINEAR: Final = (b"linear", b"nearest")


def divide_where_logits_are_few(bench: Workbench) -> None:
    """Move the division up through crops and interpolations, which it commutes with."""
    division = next(node for node in bench.nodes("Div") if TEMPERATURE in node.input)
    first = last = bench.maker(division.input[0])
    while first is not None and _commutes(bench, first.output[0]):
        above = bench.maker(first.input[0])
        if above is None or not _commutes(bench, first.input[0]):
            break
        first = above
    if first is None or last is None or not _commutes(bench, first.output[0]):
        return
    few, many = first.input[0], division.output[0]
    place = list(bench.graph.node).index(first)
    bench.graph.node.remove(division)
    division.input[0] = few
    division.output[0] = f"{few}/{TEMPERATURE}"
    first.input[0] = division.output[0]
    last.output[0] = many
    bench.graph.node.insert(place, division)


def _commutes(bench: Workbench, tensor: str) -> bool:
    """Whether what makes a tensor, for nobody else, picks or averages values."""
    maker = bench.maker(tensor)
    if maker is None or len(bench.readers(tensor)) != 1:
        return False
    return maker.op_type == "Slice" or (maker.op_type == "Resize" and said(maker).get("mode") in _LINEAR)
