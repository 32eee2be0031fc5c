"""The interface of all runtimes: run a batch on a loaded model, and describe itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.device_values import BatchOnDevice, Device
from seg.engine.runtimes.output_contract import OutputContract
from seg.errors import ImageTypeError, SegError
from seg.image_type import RGB8, ImageType
from seg.spec.ensemble.prediction import RuntimeName

ImagesNHWC = NDArray[Any]
"""Images of one size, uint8 RGB `[N, H, W, 3]`, or uint8, uint16 or float32 `[N, H, W, B]`."""

ProbabilitiesNCHW = NDArray[np.float32]
"""Class probabilities, float32 `[N, C, H, W]`."""


@dataclass(frozen=True, slots=True)
class Streams:
    """`count` batches run at once, on `threads` threads each."""

    count: int
    threads: int

    def __str__(self) -> str:
        return f"{self.count} x {self.threads} threads"


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """A runtime's name, library, device and streams.

    `whole_batches`: rounding depends on the number of images in a batch, so all batches should be padded to
    the same size.
    """

    name: RuntimeName | Literal["python"]
    library: str
    device: str
    streams: Streams
    whole_batches: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.library}, {self.device}, {self.streams})"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the nodes of a model run: counts by device or precision, and the names of fallen-back nodes."""

    counts: Mapping[str, int]
    fallen_back: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{count} {where}" for where, count in self.counts.items())


Output = TypeVar("Output", ProbabilitiesNCHW, BatchOnDevice)


class Runtime(ABC):
    """A model, loaded and ready on its device.

    `image_type` is what it takes. `contract` checks its output; None for wrappers, whose inner runtime has
    one and converts the images.
    """

    image_type: ImageType = RGB8
    contract: OutputContract | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether it is in memory; offloaded members must be loaded first."""
        return True

    def load(self) -> None:  # noqa: B027
        """Load it into memory, if it is offloaded; must not be called while another member runs."""

    def release_memory(self) -> None:  # noqa: B027
        """Free memory that is kept between batches; must not be called while a batch runs."""

    @property
    def device(self) -> Device | None:
        """The device on which `run_on_device` leaves probabilities; None if it is not supported."""
        return None

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it can run batches of this shape, `[N, H, W, B]`; most runtimes accept all."""
        return True

    def run(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        """Probabilities of a batch, in an array that the caller owns.

        Images may have more bands than the model takes, whose first are used, and narrower pixels.
        Thread-safe; more threads than streams share the cores.

        Raises:
            ImageTypeError: the batch is not of the model's image type.
            ModelError: the model cannot run it, or its output breaks the contract.
        """
        return self._within_contract(self._infer, images_nhwc)

    def run_on_device(self, images_nhwc: ImagesNHWC) -> BatchOnDevice:
        """`run`, but the probabilities stay on the device; for runtimes whose `device` is not None."""
        return self._within_contract(self._infer_on_device, images_nhwc)

    def _within_contract(self, infer: Callable[[ImagesNHWC], Output], images_nhwc: ImagesNHWC) -> Output:
        if self.contract is None:
            return infer(images_nhwc)
        images_nhwc = _to_type_of_model(images_nhwc, self.image_type)
        try:
            probabilities = infer(images_nhwc)
        except SegError:
            raise
        except Exception as error:  # runtimes' exceptions have no common base
            raise self.contract.failure(images_nhwc.shape, error) from error
        self.contract.check(images_nhwc.shape, probabilities)
        return probabilities

    @abstractmethod
    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW: ...

    def _infer_on_device(self, images_nhwc: ImagesNHWC) -> BatchOnDevice:
        raise NotImplementedError(f"{self.describe()} copies its probabilities to the host")

    @abstractmethod
    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        """Where the nodes run for a batch of this shape."""

    @abstractmethod
    def describe(self) -> RuntimeInfo:
        """The library, device and streams that run the model."""


def _to_type_of_model(images_nhwc: ImagesNHWC, image_type: ImageType) -> ImagesNHWC:
    if images_nhwc.ndim == 4:
        with suppress(ImageTypeError):
            return image_type.convert(images_nhwc)
    raise ImageTypeError(
        f"expected {image_type.pixels} [N, H, W, {image_type.bands}], received {images_nhwc.dtype}"
        f" {images_nhwc.shape}"
    )
