"""Statistics of a split's pixels, band by band: their values, and mean and deviation as networks see them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.images.read_sample import read_sample
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.pixel_range import PixelRange
from seg.terminal.progress import progress

_SAMPLED: Final = 4096
"""Pixels of each image that percentiles are taken of."""

_LOW, _HIGH = 1, 99
_LEAST_STD: Final = 1e-4
"""What a band of one value is divided by: a recipe takes no 0."""

_WHITE: Final = 255.0
"""The white of RGB of 8 bits."""

BandValues = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """One band: its values in the file's units, and in 0..1 as networks see it.

    `low` and `high` are its first and last percentile. `mean` and `std` are None if networks do not see it.
    """

    band: int
    least: float
    low: float
    high: float
    most: float
    without_data: float
    mean: float | None
    std: float | None


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """All bands of a split's images, from 1, and those that networks see, in their order."""

    images: int
    bands: tuple[BandStatistics, ...]
    seen: tuple[int, ...]

    def recipe_line(self) -> str:
        """The line of a recipe's YAML with these means and deviations."""
        chosen = [self.bands[band - 1] for band in self.seen]
        mean = [round(band.mean or 0.0, 4) for band in chosen]
        std = [max(round(band.std or 0.0, 4), _LEAST_STD) for band in chosen]
        return f"input: {{ mean: {mean}, std: {std} }}"


def split_statistics(samples: Sequence[Sample], pixel_range: PixelRange | None) -> SplitStatistics:
    """Read all images of a split, and count their pixels with data.

    Args:
        samples: the images.
        pixel_range: the bands and values that the network sees; None for RGB of 8 bits.

    Raises:
        DataError: an image cannot be read, has other bands than the first, or there are none.
    """
    if not samples:
        raise DataError("data: the training split has no images")
    tally = _BandSums(read_sample(samples[0]).shape[-1], pixel_range)
    with progress("read images", len(samples), unit="images") as advance:
        for sample in samples:
            try:
                tally.add(read_sample(sample))
            except ValueError as error:
                raise DataError(f"{sample.image}: {error}") from error
            advance()
    return SplitStatistics(len(samples), tuple(tally.bands()), tally.seen)


class _BandSums:
    """Sums over the pixels of all images, by band."""

    def __init__(self, bands: int, pixel_range: PixelRange | None) -> None:
        low, high = (0.0, _WHITE) if pixel_range is None else pixel_range.ends or (0.0, 1.0)
        self._low, self._span = low, high - low
        self.seen = (pixel_range and pixel_range.bands) or tuple(range(1, bands + 1))
        if pixel_range is not None:
            pixel_range.seen_of(bands)
        self._pixels = 0
        self._count, self._sum, self._squares = (np.zeros(bands) for _ in range(3))
        self._least, self._most = np.full(bands, np.inf), np.full(bands, -np.inf)
        self._sampled: list[BandValues] = []

    def add(self, image_hwb: ImageHWB) -> None:
        """Count an image; raises ValueError if it has other bands than the first."""
        values_pb = image_hwb.reshape(-1, image_hwb.shape[-1]).astype(np.float64)
        if values_pb.shape[1] != len(self._count):
            raise ValueError(f"has {values_pb.shape[1]} bands, and the first image {len(self._count)}")
        known_pb = np.isfinite(values_pb)
        scaled_pb = np.where(known_pb, np.clip((values_pb - self._low) / self._span, 0, 1), 0)
        self._pixels += len(values_pb)
        self._count += known_pb.sum(0)
        self._sum += scaled_pb.sum(0)
        self._squares += (scaled_pb**2).sum(0)
        self._least = np.minimum(self._least, np.where(known_pb, values_pb, np.inf).min(0))
        self._most = np.maximum(self._most, np.where(known_pb, values_pb, -np.inf).max(0))
        self._sampled.append(values_pb[:: max(1, len(values_pb) // _SAMPLED)])

    def bands(self) -> Iterator[BandStatistics]:
        sampled_pb = np.concatenate(self._sampled)
        for index, count in enumerate(self._count):
            known = sampled_pb[np.isfinite(sampled_pb[:, index]), index]
            low, high = np.percentile(known, (_LOW, _HIGH)) if known.size else (np.nan, np.nan)
            mean = self._sum[index] / max(count, 1)
            variance = max(0.0, self._squares[index] / max(count, 1) - mean**2)
            is_seen = index + 1 in self.seen
            yield BandStatistics(
                band=index + 1,
                least=float(self._least[index]),
                low=float(low),
                high=float(high),
                most=float(self._most[index]),
                without_data=float(1 - count / self._pixels),
                mean=float(mean) if is_seen else None,
                std=float(np.sqrt(variance)) if is_seen else None,
            )
