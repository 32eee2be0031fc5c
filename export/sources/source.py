"""A network that was trained elsewhere, opened: what it says of itself, how to run it, how to export it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from seg.card import ModelCard
from seg.export.sources.declaration import Declaration, SourceFacts

RawNetwork = Callable[[NDArray[Any]], NDArray[Any]]
"""The bare network: from what it takes (`InputDeclaration.dtype` and `layout`, one image or tile) to what it
returns, nothing converted.
"""


class Source(Protocol):
    """An opened file or folder of a member with `checkpoint` or `onnx`.

    Attributes:
        path: of the file or folder.
        sha256: of its weights.
        kind: such as `onnx` or `state_dict`, for the card.
        architecture, encoder: for the card; the encoder is empty where that has no meaning.
        facts: what it says of itself.
    """

    path: Path
    sha256: str
    kind: str
    architecture: str
    encoder: str
    facts: SourceFacts

    def network(self, output_name: str | None) -> RawNetwork:
        """The bare network, with the output of that name."""
        ...

    def write(self, declaration: Declaration, card: ModelCard, path: Path, opset: int | None) -> ModelCard:
        """Export under the contract to `path`, with a temperature of 1; return the card as it was written."""
        ...
