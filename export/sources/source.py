"""A network that was trained elsewhere, opened: what it says of itself, how to run it, how to export it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from seg.export.sources.declaration import Declaration, SourceFacts
from seg.models.card import ModelCard

RawNetwork = Callable[[NDArray[Any]], NDArray[Any]]
"""The bare network: from what it takes (`InputDeclaration.dtype` and `layout`, one image or tile) to what it
returns, nothing converted.
"""


class Source(Protocol):
    """An opened file or folder of a member with `checkpoint` or `onnx`.

    Its class may be a dataclass with these as fields.
    """

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def sha256(self) -> str:
        """Of its weights."""

    @property
    def kind(self) -> str:
        """Such as `onnx` or `state_dict`, for the card."""

    @property
    def architecture(self) -> str:
        """For the card."""

    @property
    def encoder(self) -> str:
        """For the card; empty where that has no meaning."""

    @property
    def facts(self) -> SourceFacts:
        """What it says of itself."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user on what was recognised and chosen."""

    @property
    def half(self) -> "Source | None":
        """The same network in float16; None where it cannot be had."""

    def network(self, output_name: str | None) -> RawNetwork:
        """The bare network, with the output of that name."""
        ...

    def write(self, declaration: Declaration, card: ModelCard, path: Path, opset: int | None) -> ModelCard:
        """Export under the contract to `path`, with a temperature of 1; return the card as it was written."""
        ...
