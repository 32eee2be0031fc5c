"""Where in a network values stop being finite."""

from typing import Any

import torch
from torch import Tensor, nn


def first_layer_not_finite(network: nn.Module, images_nhwc: Tensor) -> str:
    """The name of the first layer whose values for a batch are not all finite; empty where all are."""
    found: list[str] = []

    def watch(name: str, layer: nn.Module) -> Any:
        def look(_: nn.Module, __: Any, values: Any) -> None:
            if (
                isinstance(values, Tensor)
                and values.is_floating_point()
                and not bool(values.isfinite().all())
            ):
                found.append(name)

        return layer.register_forward_hook(look)

    hooks = [watch(name, one) for name, one in network.named_modules() if not any(one.children())]
    try:
        with torch.no_grad():
            network(images_nhwc)
    finally:
        for hook in hooks:
            hook.remove()
    return next(iter(found), "")
