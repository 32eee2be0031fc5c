"""From a PyTorch module that keeps the contract to an ONNX graph."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch

from seg.card import CARD_KEY, ModelCard
from seg.errors import ModelError
from seg.export.contract import ExportedModel
from seg.model_file import INPUT, OUTPUT

OPSET: Final = 20
TEMPERATURE: Final = "temperature"
_EXAMPLE_SIDE_IN_STRIDES: Final = 2
_NOT_ONE: Final = 0.5

# Pooling to fixed bins (PSPNet, UPerNet) and position embeddings (DPT) are exported for the size
# of the example; another size fails at run time.
NEEDS_FIXED_SIZE: Final = frozenset({"pspnet", "upernet", "dpt"})


def write_onnx(model: ExportedModel, card: ModelCard, path: Path) -> None:
    """Export to `path`, with N, H and W free and the card inside.

    Raises:
        ModelError: the architecture can only be exported with a fixed input size, or not at all.
    """
    if card.architecture in NEEDS_FIXED_SIZE and card.input.mode == "pad":
        raise ModelError(
            f"{card.name}: {card.architecture} works at one size only once it is exported: give its recipe"
            " 'input: {mode: resize, size: HEIGHTxWIDTH}' and train it so"
        )
    side = card.input.stride * _EXAMPLE_SIDE_IN_STRIDES
    example = torch.zeros((2, side + 1, side + 3, 3), dtype=torch.uint8)
    free = {0: torch.export.Dim("N"), 1: torch.export.Dim("H"), 2: torch.export.Dim("W")}
    # A division by 1 would be optimised away, and with it the place to calibrate.
    model.temperature.fill_(_NOT_ONE)
    with _silence(), torch.no_grad():
        try:
            program = torch.onnx.export(
                model.eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes={"image": free},
                input_names=[INPUT],
                output_names=[OUTPUT],
                external_data=False,
                optimize=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise ModelError(f"{card.name}: {card.architecture} cannot be exported: {reason}") from error
        finally:
            model.temperature.fill_(1.0)
    if program is None:
        raise TypeError("torch.onnx.export returned no program")
    graph = program.model_proto
    _set_temperature(graph)
    _tidy(graph)
    write_card(graph, card, path)


def write_card(graph: onnx.ModelProto, card: ModelCard, path: Path) -> None:
    """Save a graph with the card as its metadata."""
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, {CARD_KEY: card.model_dump_json()})
    onnx.save(graph, path)


def _set_temperature(graph: onnx.ModelProto) -> None:
    found = [tensor for tensor in graph.graph.initializer if tensor.name.endswith(TEMPERATURE)]
    if len(found) != 1:
        raise TypeError(f"one initializer {TEMPERATURE!r} expected, got {len(found)}")
    for node in graph.graph.node:
        node.input[:] = [TEMPERATURE if name == found[0].name else name for name in node.input]
    found[0].CopyFrom(onnx.numpy_helper.from_array(np.array(1.0, dtype=np.float32), TEMPERATURE))


def _tidy(graph: onnx.ModelProto) -> None:
    """Drop the exporter's remarks, and say H and W where it says a formula that comes to them."""
    for part in (*graph.graph.node, *graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del graph.graph.value_info[:]
    for axis, name in ((0, "N"), (2, "H"), (3, "W")):
        graph.graph.output[0].type.tensor_type.shape.dim[axis].dim_param = name


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter reports its steps on stdout and warns of what it is about to solve itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
