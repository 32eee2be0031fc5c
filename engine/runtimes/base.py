"""What every runtime can do: run a batch on a loaded model, and describe itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.device_values import AnswersOnDevice, Device
from seg.spec.prediction import RuntimeName

ImagesNHWC = NDArray[np.uint8]
"""RGB images of one size, uint8 `[N, H, W, 3]`."""

ProbabilitiesNCHW = NDArray[np.float32]
"""Class probabilities, float32 `[N, C, H, W]`."""


@dataclass(frozen=True, slots=True)
class Streams:
    """How the cores are shared: `count` batches run at once, on `threads` threads each."""

    count: int
    threads: int

    def __str__(self) -> str:
        return f"{self.count} x {self.threads} threads"


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What runs a model.

    `whole_batches`: an answer's last bits depend on how many images its batch has, so every batch
    should have as many.
    """

    name: RuntimeName
    library: str
    device: str
    streams: Streams
    whole_batches: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.library}, {self.device}, {self.streams})"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the nodes of a model run: how many on what, and the names of those that fell back."""

    counts: Mapping[str, int]
    fallen_back: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{count} {where}" for where, count in self.counts.items())


class Runtime(ABC):
    """A model, loaded and ready on its device."""

    @property
    def is_loaded(self) -> bool:
        """Whether it is in memory; where members take turns there, one waits until it is loaded."""
        return True

    def load(self) -> None:  # noqa: B027
        """Bring it into memory, if it is not there; never while another runs."""

    @property
    def device(self) -> Device | None:
        """Where `run_on_device` leaves answers; None where there is no such way."""
        return None

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it can run batches of this shape, `[N, H, W, 3]`; most can run all."""
        return True

    def run(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        """Probabilities of a batch, in an array that is the caller's own.

        Threads may call this at once; more than the runtime has streams share its cores.

        Raises:
            ValueError: the batch is not uint8 `[N, H, W, 3]`.
        """
        return self._infer(_checked(images_nhwc))

    def run_on_device(self, images_nhwc: ImagesNHWC) -> AnswersOnDevice:
        """The same, but the answer stays on the device; for runtimes that have one."""
        return self._infer_on_device(_checked(images_nhwc))

    @abstractmethod
    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW: ...

    def _infer_on_device(self, images_nhwc: ImagesNHWC) -> AnswersOnDevice:
        raise NotImplementedError(f"{self.describe()} brings its answers to the host")

    @abstractmethod
    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        """Where the nodes run when it is given such a batch."""

    @abstractmethod
    def describe(self) -> RuntimeInfo:
        """What runs the model, and where."""


def _checked(images_nhwc: ImagesNHWC) -> ImagesNHWC:
    if images_nhwc.dtype != np.uint8 or images_nhwc.ndim != 4 or images_nhwc.shape[3] != 3:
        raise ValueError(f"expected uint8 [N, H, W, 3], received {images_nhwc.dtype} {images_nhwc.shape}")
    return images_nhwc
