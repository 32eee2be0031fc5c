"""Models that are damaged, that are none, and that break their word while they run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seg.models.card import CARD_KEY
from tests.engine.tiny_models import CLASSES, tiny_card, tiny_graph
from tests.hostile.case import Case, file

Nodes = list[Any]

PICKLES: Final = {
    "a pickle that runs": b"cos\nsystem\n(S'touch ran'\ntR.",
    "a short pickle": b"\x80\x04",
    "a list": b"\x80\x04]\x94.",
}


def cases() -> Iterator[Case]:
    whole = _bytes(lambda _: None)
    contents = {
        "empty": b"",
        "junk": bytes(range(256)) * 40,
        "cut off": whole[: len(whole) // 2],
        "without a card": _bytes(lambda model: model.metadata_props.clear()),
        "with a card of junk": _bytes(lambda model: _set_card(model, "{}")),
        "with a nested card": _bytes(lambda model: _set_card(model, "[" * 100_000)),
        **{name: _bytes(_ending(nodes)) for name, nodes in _endings().items()},
        **PICKLES,
    }
    for name, content in contents.items():
        says = "a: its probabilities" if name == "not finite" else "a.onnx"
        for command in ("ensemble", "evaluate"):
            made = file("a.onnx", content)
            yield Case(f"{command}: {name}", (command, "spec.yaml"), made, says=says)
    for bit in range(0, len(whole) * 8, 997):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        yield Case(
            f"ensemble: bit {bit}",
            ("ensemble", "spec.yaml"),
            file("a.onnx", bytes(flipped)),
            "either",
            "a.onnx",
        )
    yield Case("ensemble: a folder", ("ensemble", "spec.yaml"), _folder, says="a.onnx")


def _bytes(change: Callable[[Any], None]) -> bytes:
    model = tiny_graph(0, len(CLASSES))
    helper.set_model_props(model, {CARD_KEY: tiny_card("a", CLASSES).model_dump_json()})
    change(model)
    return bytes(model.SerializeToString())


def _set_card(model: Any, text: str) -> None:
    model.metadata_props[0].value = text


def _ending(nodes: Nodes) -> Callable[[Any], None]:
    """Makes the softmax give `whole`, and other nodes the output from it."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "whole"
        constants = [node for node in nodes if isinstance(node, TensorProto)]
        model.graph.initializer.extend(constants)
        model.graph.node.extend(node for node in nodes if not isinstance(node, TensorProto))

    return change


def _endings() -> dict[str, Nodes]:
    def number(name: str, *values: int) -> TensorProto:
        return numpy_helper.from_array(np.array(values, dtype=np.int64), name)

    def node(operator: str, *inputs: str, **attributes: Any) -> Any:
        return helper.make_node(operator, list(inputs), ["probabilities"], **attributes)

    slice_of = [number("from", 0), number("by", 2)]
    nan = numpy_helper.from_array(np.array(np.nan, dtype=np.float32), "nan")
    return {
        "another number of channels": [
            *slice_of[:1],
            number("to", 2),
            number("axis", 1),
            node("Slice", "whole", "from", "to", "axis"),
        ],
        "half the size": [
            *slice_of,
            number("to", 10**6),
            number("axis", 2),
            node("Slice", "whole", "from", "to", "axis", "by"),
        ],
        "three dimensions": [number("axis", 0), node("ReduceMean", "whole", "axis", keepdims=0)],
        "not finite": [nan, node("Add", "whole", "nan")],
        "negative": [node("Neg", "whole")],
        "twice as large": [node("Add", "whole", "whole")],
        "zero": [node("Sub", "whole", "whole")],
        "no softmax": [node("Log", "whole")],
        "a softmax over the rows": [node("Softmax", "whole", axis=2)],
        "a Reshape that fails": [number("shape", 7, 7, 7), node("Reshape", "whole", "shape")],
        "a huge constant": [number("shape", 1, 4, 100_000, 100_000), node("ConstantOfShape", "shape")],
    }


def _folder(folder: Path) -> None:
    (folder / "a.onnx").unlink()
    (folder / "a.onnx").mkdir()
