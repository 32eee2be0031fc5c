"""Networks of transformers as modules from prepared images to one score for each class and pixel."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TASK = "the task is semantic"
"""What OneFormer is told, as in its processor."""


class LogitsOnly(nn.Module):
    """A network for semantic segmentation: its logits, float32 `[N, C, h, w]`, mostly smaller than images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(pixel_values=image).logits
        return logits


class SemanticMap(nn.Module):
    """A network that predicts masks with a class each: the sum over masks of class x mask probability.

    The sum is divided by the number of masks, so that scores are 0 to 1.
    Source: `post_process_semantic_segmentation` of each network's image processor.
    """

    def __init__(
        self, network: nn.Module, masks_hw: tuple[int, int] | None, task: Tensor | None = None
    ) -> None:
        """`masks_hw` is the size that masks are brought to first; `task` are tokens that OneFormer reads."""
        super().__init__()
        self.network = network
        self.masks_hw = masks_hw
        self.register_buffer("task", task, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        told: dict[str, Any] = {}
        if isinstance(self.task, Tensor):
            told["task_inputs"] = self.task.expand(image.shape[0], -1)
        predicted = self.network(pixel_values=image, **told)
        masks: Tensor = predicted.masks_queries_logits
        if self.masks_hw is not None:
            masks = functional.interpolate(masks, self.masks_hw, mode="bilinear", align_corners=False)
        classes: Tensor = predicted.class_queries_logits.softmax(dim=-1)[..., :-1]
        # ONNX Runtime's own sigmoid is 0 below -18, where the order of classes would be lost.
        inside = 1 / (1 + (-masks).exp())
        return torch.einsum("bqc,bqhw->bchw", classes, inside) / masks.shape[1]
