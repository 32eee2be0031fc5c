"""A network in PyTorch that was trained elsewhere, as a source of a member.

Each kind of file is opened by a module of its own, which finds the network and what is known of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.onnx_file.cleanup import clean_up_network_graph
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import save_onnx_model, weight_bytes
from seg.export.onnx_file.to_onnx import export_module_to_graph
from seg.export.precision.half import HalfNetwork
from seg.export.rewrite import rewrite_graph
from seg.export.sources.declaration import Declaration, InputDeclaration, SourceFacts
from seg.export.sources.graph.wrap import wrap_network
from seg.export.sources.source import RawNetwork
from seg.models.card import ModelCard
from seg.models.safety import LARGEST_MODEL_BYTES

OUTPUT: Final = "output"
_EXAMPLE_IMAGES: Final = 2
_EXAMPLE_HW_IN_STRIDES: Final = (5, 7)
_CHANNELS: Final = {"grey": 1, "rgb": 3, "bgr": 3}


@dataclass(frozen=True, slots=True)
class TorchSource:
    """See `seg.export.sources.source.Source`.

    Attributes:
        module: from prepared images, float32, to one tensor, in evaluation mode.
        has_free_size: whether it can be exported for images of any size.
        notes: lines for the user on what was recognised and chosen.
        for_export: makes the module that is exported, of an example, if that is another.
    """

    path: Path
    sha256: str
    kind: str
    architecture: str
    encoder: str
    facts: SourceFacts
    module: nn.Module
    has_free_size: bool = True
    notes: tuple[str, ...] = ()
    for_export: Callable[[Tensor], nn.Module] | None = None

    @property
    def half(self) -> "TorchSource | None":
        """The same network with weights and sums in float16; None for a program, whose types are fixed."""
        if self.for_export is not None:
            return None
        return replace(self, module=HalfNetwork(self.module).eval())

    def network(self, output_name: str | None) -> RawNetwork:
        """The module; it has one output, whatever its name."""

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            try:
                with torch.no_grad():
                    output: Tensor = self.module(torch.from_numpy(batch))
            except Exception as error:  # a network raises anything for an input that it does not fit
                shape = "x".join(map(str, batch.shape))
                raise ModelError(
                    f"{self.path}: cannot run an input of {shape}: {torch_error_line(error)}: correct its"
                    " 'input'"
                ) from error
            return np.asarray(output.numpy())

        return run

    def write(self, declaration: Declaration, card: ModelCard, path: Path, opset: int | None) -> ModelCard:
        """Export the module, put the graph of what is declared around it, and write that to `path`."""
        wrapped = wrap_network(
            self._graph(declaration.input), declaration, self.path, opset, has_channel_axis=True
        )
        # Rewriting runs the graph, which must fit into one protobuf message.
        if weight_bytes(wrapped) < LARGEST_MODEL_BYTES:
            rewrite_graph(wrapped)
        return save_onnx_model(wrapped, card.model_copy(update={"opset": opset_of(wrapped)}), path)

    def _graph(self, fed: InputDeclaration) -> onnx.ModelProto:
        """The bare network, for any number of images, and of any size if they are padded."""
        if fed.mode == "pad" and not self.has_free_size:
            raise ModelError(
                f"{self.path}: {self.architecture} can be exported for one size only: set 'input: {{ mode:"
                " resize, size: HEIGHTxWIDTH }'"
            )
        height, width = fed.size_hw or (fed.stride * sides for sides in _EXAMPLE_HW_IN_STRIDES)
        channels = _CHANNELS[fed.channels]
        shape = (channels, height, width) if fed.layout == "nchw" else (height, width, channels)
        free: dict[int, Any] = {0: torch.export.Dim("N")}
        if fed.mode == "pad":
            first = 2 if fed.layout == "nchw" else 1
            free |= {first: fed.stride * torch.export.Dim("h"), first + 1: fed.stride * torch.export.Dim("w")}
        example = torch.zeros((_EXAMPLE_IMAGES, *shape))
        network = self.for_export(example) if self.for_export else self.module
        graph = export_module_to_graph(
            _NamedNetwork(network), example, free, f"{self.path}: {self.architecture}", OUTPUT
        )
        return clean_up_network_graph(graph)


class _NamedNetwork(nn.Module):
    """Gives the module's layers a place to be named after."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.network(image)
        return output


def torch_error_line(error: Exception) -> str:
    """The first line of an error's text, or its type if it has none."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__
