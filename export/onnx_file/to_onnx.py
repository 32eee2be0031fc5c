"""Export a PyTorch module to an ONNX file with torch.onnx, then clean up, rewrite and lower its opset."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.onnx_file.cleanup import clean_up_exported_graph
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.opset import lower_opset, opset_of
from seg.export.onnx_file.same_padding import constant_same_padding
from seg.export.onnx_file.save import save_onnx_model, weight_bytes
from seg.export.rewrite import rewrite_graph
from seg.models.card import ModelCard
from seg.models.model_file import INPUT, OUTPUT
from seg.models.safety import LARGEST_MODEL_BYTES

OPSET: Final = 18
"""PyTorch's native opset; it converts to others."""

_EXAMPLE_SIDE_IN_STRIDES: Final = 4
_TEMPERATURE_MARKER: Final = 0.7310586

# Pooling to fixed bins (PSPNet, UPerNet) and position embeddings (DPT) are exported for the size
# of the example; another size fails at run time.
NEEDS_FIXED_SIZE: Final = frozenset({"pspnet", "upernet", "dpt"})


def write_onnx(model: ExportedModel, card: ModelCard, path: Path, opset: int | None = None) -> ModelCard:
    """Export to `path`, with N, H and W free and the card inside; return the card as it was written.

    Args:
        opset: the version of ONNX's operators; by default the oldest that the graph can be written in.

    Raises:
        ModelError: the architecture can only be exported with a fixed input size, or not at all; or not in
            that opset.
    """
    if card.architecture in NEEDS_FIXED_SIZE and card.input.mode == "pad":
        raise ModelError(
            f"{card.name}: {card.architecture} can be exported for one size only: set"
            " 'input: {mode: resize, size: HEIGHTxWIDTH}' in its recipe and train again"
        )
    # A division by 1 would be optimised away, and with it the temperature; this value is found again.
    model.temperature.fill_(_TEMPERATURE_MARKER)
    try:
        graph = clean_up_exported_graph(
            _export_to_onnx(model, card, max(OPSET, opset or 0)), _TEMPERATURE_MARKER
        )
        # Rewriting runs the graph, which must fit into one protobuf message.
        if weight_bytes(graph) < LARGEST_MODEL_BYTES:
            rewrite_graph(graph)
    finally:
        model.temperature.fill_(1.0)
    lower_opset(graph, opset)
    return save_onnx_model(graph, card.model_copy(update={"opset": opset_of(graph)}), path)


def _export_to_onnx(model: ExportedModel, card: ModelCard, opset: int) -> onnx.ModelProto:
    side = card.input.stride * _EXAMPLE_SIDE_IN_STRIDES
    pixels = getattr(torch, card.input.pixels)
    example = torch.zeros((2, side + 1, side + 3, card.input.bands), dtype=pixels)
    free = {0: "N", 1: "H", 2: "W"}
    return export_module_to_graph(
        model.eval(), example, free, f"{card.name}: {card.architecture}", OUTPUT, opset
    )


def export_module_to_graph(
    module: nn.Module,
    example: Tensor,
    free: Mapping[int, Any],
    name: str,
    output: str,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """Export a module with one input, `image`, and one output.

    Args:
        module: in evaluation mode.
        example: a batch of two images; free sides are odd multiples of what sides are padded to.
        free: the axes that are free, each with its name, or with a `torch.export.Dim` of multiples. PyTorch
            finds the least size of a name by itself; of a plain Dim it would trace the module a second time.
        name: of the module in messages.
        output: the name of the output.
        opset: the version of ONNX's operators.

    Raises:
        ModelError: PyTorch cannot export it.
    """
    with constant_same_padding(module, example), _silence_exporter(), torch.no_grad():
        try:
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                opset_version=opset,
                dynamic_shapes=(dict(free),),
                input_names=[INPUT],
                output_names=[output],
                external_data=False,
                custom_translation_table={torch.ops.aten._is_all_true.default: _is_all_true},
                optimize=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise ModelError(f"{name} cannot be exported: {reason}") from error
    if program is None:
        raise TypeError("torch.onnx.export returned no program")
    graph: onnx.ModelProto = program.model_proto
    return graph


def _is_all_true(values: Any) -> Any:
    """`torch.all` without axes, which PyTorch 2.15 does not translate."""
    from onnxscript import opset18

    operators: Any = opset18
    whole = operators.Cast(values, to=onnx.TensorProto.INT32)
    return operators.Cast(operators.ReduceMin(whole, keepdims=0), to=onnx.TensorProto.BOOL)


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Silence the exporter's progress on stdout, and its warnings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
