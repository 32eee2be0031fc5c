"""The output contract of a model: the shape of every batch, and the values of the first of each size."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.device_values import BatchOnDevice
from seg.engine.runtimes.decoder_cut import Decoder
from seg.errors import ModelError
from seg.labels.task import Task, classes_overlap
from seg.models.model_file import OUTPUT

Shape = tuple[int, ...]

_SAMPLED: Final = 16
"""About so many rows and columns are sampled."""
_LARGEST_ERROR: Final = 0.1
"""Of a probability, and of their sum over the classes; bfloat16 has errors below 0.01."""


@dataclass(frozen=True, slots=True)
class OutputContract:
    """Float32 `[N, C, H, W]` at the size of the images, or of the grid of `decoder`.

    Its values are from 0 to 1, and sum to 1 over the classes unless these overlap. `classes` is C, if known.
    """

    model: Path
    classes: int | None = None
    decoder: Decoder | None = None
    task: Task = "multiclass"
    _seen: set[Shape] = field(default_factory=set, init=False, compare=False)
    """The sizes of images for which values were checked."""

    def check(self, images_nhwc: Shape, output: NDArray[np.float32] | BatchOnDevice) -> None:
        """Raises ModelError if the output for a batch of that shape is not what the contract says."""
        found, dtype = output.shape, str(output.dtype)
        expected = self._expected(images_nhwc, found)
        if found != expected or dtype != "float32":
            raise ModelError(
                f"{self.model}: gives {dtype} {list(found)} as {OUTPUT!r} for {_batch_words(images_nhwc)},"
                f" expected float32 {list(expected)}: export it again"
            )
        if images_nhwc[1:3] not in self._seen:
            self._check_values(
                images_nhwc, output if isinstance(output, np.ndarray) else output.value.numpy()
            )
            self._seen.add(images_nhwc[1:3])

    def _check_values(self, images_nhwc: Shape, probabilities_nchw: NDArray[np.float32]) -> None:
        rows, columns = (max(1, side // _SAMPLED) for side in probabilities_nchw.shape[2:])
        values = probabilities_nchw[:, :, ::rows, ::columns]
        if not np.isfinite(values).all():
            return  # `seg.engine.passes.finite` names the image, too.
        sums = np.ones(1) if classes_overlap(self.task) else values.sum(1)
        for found, is_wrong in (
            (f"the probability {values.min():.4g}", values.min() < -_LARGEST_ERROR),
            (f"the probability {values.max():.4g}", values.max() > 1 + _LARGEST_ERROR),
            (f"probabilities that sum to {sums.min():.4g}", sums.min() < 1 - _LARGEST_ERROR),
            (f"probabilities that sum to {sums.max():.4g}", sums.max() > 1 + _LARGEST_ERROR),
        ):
            if is_wrong:
                raise ModelError(
                    f"{self.model}: gives {found} for {_batch_words(images_nhwc)}, expected values from 0 to"
                    f" 1{self._ending}"
                )

    @property
    def _ending(self) -> str:
        if classes_overlap(self.task):
            return ": export it again, with its sigmoid"
        return " that sum to 1 over the classes: export it again, with its softmax"

    def failure(self, images_nhwc: Shape, error: Exception) -> ModelError:
        """The error to raise if the runtime could not run a batch of that shape."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1] if lines else type(error).__name__
        return ModelError(f"{self.model}: fails on {_batch_words(images_nhwc)}: {reason}")

    def _expected(self, images_nhwc: Shape, found: Shape) -> Shape:
        count, height, width, _ = images_nhwc
        classes = self.classes or (found[1] if len(found) > 1 else 1)
        rows, columns = self.decoder.output_size_of((height, width)) if self.decoder else (height, width)
        return count, classes, rows, columns


def _batch_words(images_nhwc: Shape) -> str:
    count, height, width, _ = images_nhwc
    return f"{count} image{'s' if count > 1 else ''} of {height}x{width}"
