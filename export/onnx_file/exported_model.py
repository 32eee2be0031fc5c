"""The module that is exported: a checkpoint's network with preprocessing, temperature and softmax or sigmoid.

image, uint8 [N, H, W, 3]  ->  pad or resize, normalise, network, crop or resize back,
divide by `temperature`, softmax  ->  probabilities, float32 [N, C, H, W]

Of classes that overlap each has a sigmoid instead of its part of the softmax.
"""

import torch
from torch import Tensor, nn

from seg.labels.task import Task, classes_overlap
from seg.train.networks.segmenter import Segmenter


class ExportedModel(nn.Module):
    """Uint8 RGB images of any size to class probabilities at the same size.

    `temperature` divides the logits; it is 1 until the model is calibrated.
    """

    temperature: Tensor

    def __init__(self, segmenter: Segmenter, task: Task = "multiclass") -> None:
        super().__init__()
        self.segmenter = segmenter
        self.task = task
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, image: Tensor) -> Tensor:
        # TensorRT supports uint8 only as an input, followed by a cast.
        logits: Tensor = self.segmenter(image.float())
        tempered = logits / self.temperature
        return torch.sigmoid(tempered) if classes_overlap(self.task) else torch.softmax(tempered, dim=1)
