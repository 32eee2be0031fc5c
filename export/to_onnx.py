"""From a PyTorch module that keeps the contract to an ONNX graph."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import onnx
import torch

from seg.card import CARD_KEY, ModelCard
from seg.errors import ModelError
from seg.export.contract import ExportedModel
from seg.model_file import INPUT, OUTPUT

OPSET: Final = 20
_EXAMPLE_SIDE_IN_STRIDES: Final = 2

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
    if program is None:
        raise TypeError("torch.onnx.export returned no program")
    write_card(program.model_proto, card, path)


def write_card(graph: onnx.ModelProto, card: ModelCard, path: Path) -> None:
    """Save a graph with the card in its metadata, in place of any other."""
    kept = [entry for entry in graph.metadata_props if entry.key != CARD_KEY]
    del graph.metadata_props[:]
    graph.metadata_props.extend(kept)
    onnx.helper.set_model_props(
        graph, {entry.key: entry.value for entry in kept} | {CARD_KEY: card.model_dump_json()}
    )
    onnx.save(graph, path)


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
