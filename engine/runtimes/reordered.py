"""Class reordering: a model whose classes are in another order than the dataset's, or more than these."""

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo
from seg.models.class_order import Channels, has_other_class_order


def runtime_in_dataset_order(runtime: Runtime, channels: Channels, own: int) -> Runtime:
    """The runtime itself if the classes are the same, else one whose channels are the dataset's.

    Args:
        channels: of each class of the dataset.
        own: the number of the model's classes.
    """
    return ReorderedRuntime(runtime, channels) if has_other_class_order(channels, own) else runtime


class ReorderedRuntime(Runtime):
    """Probabilities in the dataset's order; they are copied to the host."""

    def __init__(self, inner: Runtime, channels: Channels) -> None:
        self._inner = inner
        self.image_type = inner.image_type
        self._channels = np.array(channels)

    def takes(self, shape: tuple[int, ...]) -> bool:
        return self._inner.takes(shape)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        return self._inner.describe()

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        return self._inner.run(images_nhwc)[:, self._channels]
