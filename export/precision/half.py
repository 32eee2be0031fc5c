"""A network in float16 between a preprocessing and a softmax or sigmoid in float32."""

import copy

from torch import Tensor, nn

from seg.export.onnx_file.exported_model import ExportedModel
from seg.train.networks.segmenter import Segmenter


class HalfNetwork(nn.Module):
    """Float32 images in, float16 weights and sums within, float32 logits out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).half()

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image.half())
        return logits.float()


def model_in_half_precision(model: ExportedModel) -> ExportedModel:
    """The same model with a copy of its network in float16."""
    segmenter = model.segmenter
    half = Segmenter(HalfNetwork(segmenter.network), segmenter.card)
    return ExportedModel(half, model.task).eval()
