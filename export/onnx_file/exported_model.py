"""The module that is exported: a checkpoint's network with preprocessing, temperature and softmax or sigmoid.

image, uint8 RGB [N, H, W, 3], or uint8, uint16 or float32 [N, H, W, B]  ->  choose bands and scale to
0..1 where the card has a pixel range, pad or resize, normalise, network, crop or resize back, divide by
`temperature`, softmax  ->  probabilities, float32 [N, C, H, W]

Of classes that overlap each has a sigmoid instead of its part of the softmax.
"""

import torch
from torch import Tensor, nn

from seg.labels.task import Task, classes_overlap
from seg.train.networks.pixel_scaling import PixelScaling
from seg.train.networks.segmenter import Segmenter


class ExportedModel(nn.Module):
    """Images of any size, of the type in the card, to class probabilities at the same size.

    `temperature` divides the logits; it is 1 until the model is calibrated.
    """

    temperature: Tensor

    def __init__(self, segmenter: Segmenter, task: Task = "multiclass") -> None:
        super().__init__()
        self.scaling = PixelScaling(segmenter.card)
        self.segmenter = segmenter
        self.task = task
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, image: Tensor) -> Tensor:
        # TensorRT supports uint8 only as an input, followed by a cast.
        logits: Tensor = self.segmenter(self.scaling(image.float()))
        tempered = logits / self.temperature
        return torch.sigmoid(tempered) if classes_overlap(self.task) else torch.softmax(tempered, dim=1)
