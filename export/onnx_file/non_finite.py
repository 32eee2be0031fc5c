"""Find the first layer of a network whose output is not finite."""

from typing import Any

import torch
from torch import Tensor, nn


def first_non_finite_layer(network: nn.Module, images_nhwc: Tensor) -> str:
    """The name of the first layer whose output for a batch is not finite; empty if there is none."""
    found: list[str] = []

    def add_hook(name: str, layer: nn.Module) -> Any:
        def check(_: nn.Module, __: Any, values: Any) -> None:
            if (
                isinstance(values, Tensor)
                and values.is_floating_point()
                and not bool(values.isfinite().all())
            ):
                found.append(name)

        return layer.register_forward_hook(check)

    hooks = [add_hook(name, one) for name, one in network.named_modules() if not any(one.children())]
    try:
        with torch.no_grad():
            network(images_nhwc)
    finally:
        for hook in hooks:
            hook.remove()
    return next(iter(found), "")
