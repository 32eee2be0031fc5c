"""A network in PyTorch that was trained elsewhere, as all kinds of torch sources are opened."""

from dataclasses import dataclass

from torch import nn

from seg.export.sources.declaration import SourceFacts


@dataclass(frozen=True, slots=True)
class TorchSource:
    """A network and what is known of it.

    Attributes:
        kind: what the file is, such as `PyTorch state dict`.
        architecture: of the network, as the card names it.
        encoder: of the network; empty if it is not known apart.
        network: in evaluation mode: prepared images, float32 `[N, C, H, W]`, to its output, at any size.
        facts: how the network is fed and what it returns, as far as the source says.
        notes: lines for the user on what was recognised and chosen.
    """

    kind: str
    architecture: str
    encoder: str
    network: nn.Module
    facts: SourceFacts
    notes: tuple[str, ...] = ()
