"""The module that is exported: a checkpoint's network with preprocessing, temperature and softmax.

image, uint8 [N, H, W, 3]  ->  pad or resize, normalise, network, crop or resize back,
divide by `temperature`, softmax  ->  probabilities, float32 [N, C, H, W]
"""

import torch
from torch import Tensor, nn

from seg.train.networks.segmenter import Segmenter


class ExportedModel(nn.Module):
    """Uint8 RGB images of any size to class probabilities at the same size.

    `temperature` divides the logits; it is 1 until the model is calibrated.
    """

    temperature: Tensor

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, image: Tensor) -> Tensor:
        # TensorRT supports uint8 only as an input, followed by a cast.
        logits: Tensor = self.segmenter(image.float())
        return torch.softmax(logits / self.temperature, dim=1)
