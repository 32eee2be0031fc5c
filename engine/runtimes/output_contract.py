"""The output contract: shape and dtype of a model's probabilities, checked for every batch."""

from dataclasses import dataclass
from pathlib import Path

from seg.engine.runtimes.decoder_cut import Decoder
from seg.errors import ModelError
from seg.model_file import OUTPUT

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutputContract:
    """Float32 `[N, C, H, W]` at the size of the images, or of the cells of `decoder`.

    `classes` is C, if known.
    """

    model: Path
    classes: int | None = None
    decoder: Decoder | None = None

    def check(self, images_nhwc: Shape, found: Shape, dtype: str) -> None:
        """Raises ModelError if the output for a batch of that shape has another shape or dtype."""
        expected = self._expected(images_nhwc, found)
        if found != expected or dtype != "float32":
            raise ModelError(
                f"{self.model}: gives {dtype} {list(found)} as {OUTPUT!r} for {_in_words(images_nhwc)},"
                f" expected float32 {list(expected)}: export it again"
            )

    def failure(self, images_nhwc: Shape, error: Exception) -> ModelError:
        """The error to raise if the runtime could not run a batch of that shape."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1] if lines else type(error).__name__
        return ModelError(f"{self.model}: fails on {_in_words(images_nhwc)}: {reason}")

    def _expected(self, images_nhwc: Shape, found: Shape) -> Shape:
        count, height, width, _ = images_nhwc
        classes = self.classes or (found[1] if len(found) > 1 else 1)
        rows, columns = self.decoder.cells_of((height, width)) if self.decoder else (height, width)
        return count, classes, rows, columns


def _in_words(images_nhwc: Shape) -> str:
    count, height, width, _ = images_nhwc
    return f"{count} image{'s' if count > 1 else ''} of {height}x{width}"
