"""Any PyTorch module as a source: what it returns is found by running it on an empty image."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.declaration import SourceFacts
from seg.export.sources.torch_source import TorchSource, torch_error_line
from seg.spec import MemberSpec

_TRIED_SIDE: Final = 128


class SingleOutput(nn.Module):
    """A module that returns one tensor of four axes, out of the tuple or dict that the given one returns."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return next(tensor for tensor in _tensors_of_output(self.network(image)) if tensor.ndim == 4)


def open_module(module: nn.Module, path: Path, kind: str, sha256: str, member: MemberSpec) -> TorchSource:
    """A module as the source of a member.

    Args:
        module: from images, float32 `[N, C, H, W]` or as the member declares, to a tensor with a channel for
            each class, or a tuple, list, dict or object with one.
        path: its file, or what it is called in messages.
        kind: for the card.
        sha256: of its weights.
        member: what is declared of it.

    Raises:
        ModelError: it cannot be run, or returns no such tensor.
    """
    single = SingleOutput(module).eval()
    size_hw = member.input.size or (_TRIED_SIDE, _TRIED_SIDE)
    channels = 1 if member.input.channels == "grey" else 3
    is_nchw = member.input.layout in (None, "nchw")
    empty = torch.zeros((1, channels, *size_hw) if is_nchw else (1, *size_hw, channels))
    try:
        with torch.no_grad():
            output = single(empty)
    except StopIteration:
        raise ModelError(
            f"{path}: returns no tensor with a channel for each class, [N, C, H, W]: let its forward do so"
        ) from None
    except Exception as error:  # a module raises anything for an input that it does not fit
        raise ModelError(
            f"{path}: cannot run an image of {size_hw[0]}x{size_hw[1]}: {torch_error_line(error)}: name"
            " its size with 'input: { size: ... }'"
        ) from error
    return TorchSource(
        path=path,
        sha256=sha256,
        kind=kind,
        architecture=type(module).__name__,
        encoder="",
        facts=SourceFacts(
            input_channels=channels,
            input_layout="nchw" if is_nchw else "nhwc",
            count=output.shape[3 if member.output.layout == "nhwc" else 1],
        ),
        module=single,
    )


def sha256_of_weights(module: nn.Module) -> str:
    """A SHA-256 of a module's weights and buffers, and of their names."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _tensors_of_output(returned: Any) -> list[Tensor]:
    """The tensors in what a module returns, in their order."""
    if isinstance(returned, Tensor):
        return [returned]
    if isinstance(returned, Mapping):
        returned = list(returned.values())
    if isinstance(returned, Sequence):
        return [tensor for tensor in returned if isinstance(tensor, Tensor)]
    return _tensors_of_output(vars(returned)) if hasattr(returned, "__dict__") else []
