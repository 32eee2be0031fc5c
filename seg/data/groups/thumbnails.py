"""Thumbnails of images, which tell near-duplicates, and how many independent images there are."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.images.raster import is_large
from seg.data.images.read_sample import open_sample, sample_as_picture
from seg.data.splits.split import Sample
from seg.labels.label_map import ImageHWC
from seg.terminal.progress import progress

ThumbnailsND = NDArray[np.float32]
"""A unit vector for each image, whose inner products are correlations, float32 `[N, D]`."""

SimilarBN = NDArray[np.float32]
"""Correlations of some images with all, in -1..1."""

SIDE: Final = 16
UNRELATED: Final = 0.7
"""Correlation up to which images count as unrelated: frames of different drives reach it, too."""

_BLOCK: Final = 1024
_THREADS: Final = 4
_MIDDLE: Final = 2048
"""Rows and columns in the middle of an image too large to be read whole."""


def read_thumbnails(samples: Sequence[Sample]) -> ThumbnailsND:
    """Read all images; raises DataError if one cannot be read."""
    vectors_nd = np.empty((len(samples), SIDE * SIDE), np.float32)
    with (
        progress("look for groups", len(samples), unit="images") as advance,
        ThreadPoolExecutor(_THREADS) as threads,
    ):
        for row, thumbnail_d in enumerate(threads.map(_thumbnail_of_sample, samples)):
            vectors_nd[row] = thumbnail_d
            advance()
    return vectors_nd


def nearest_thumbnails(thumbnails_nd: ThumbnailsND) -> NDArray[np.intp]:
    """The most similar other image of each image, int `[N]`."""
    found_n = np.empty(len(thumbnails_nd), np.intp)
    for start, similar_bn in _thumbnail_similarities(thumbnails_nd):
        rows = np.arange(len(similar_bn))
        similar_bn[rows, start + rows] = -np.inf
        found_n[start : start + len(rows)] = similar_bn.argmax(1)
    return found_n


def similar_thumbnail_pairs(thumbnails_nd: ThumbnailsND, least: float) -> Iterator[tuple[int, int]]:
    """Pairs of images that correlate at least so much."""
    for start, similar_bn in _thumbnail_similarities(thumbnails_nd):
        rows, columns = np.nonzero(similar_bn >= least)
        yield from ((a, b) for a, b in zip((start + rows).tolist(), columns.tolist(), strict=True) if a < b)


def effective_number_of_images(thumbnails_nd: ThumbnailsND) -> float:
    """The number of independent images that these are worth: N² over the sum of all similarities.

    Source: Leinster and Cobbold, "Measuring Diversity: the Importance of Species Similarity", 2012; order 2.
    """
    total = sum(
        float(np.clip((similar_bn - UNRELATED) / (1 - UNRELATED), 0, 1).sum())
        for _, similar_bn in _thumbnail_similarities(thumbnails_nd)
    )
    return len(thumbnails_nd) ** 2 / total


def _thumbnail_similarities(thumbnails_nd: ThumbnailsND) -> Iterator[tuple[int, SimilarBN]]:
    """Blocks of rows of the matrix of correlations, each with the number of its first row."""
    for start in range(0, len(thumbnails_nd), _BLOCK):
        yield start, thumbnails_nd[start : start + _BLOCK] @ thumbnails_nd.T


def _thumbnail_of_sample(sample: Sample) -> NDArray[np.float32]:
    """Lightness on a coarse grid, without its mean, of unit length; zeros if the image is uniform."""
    small = cv2.resize(_pixels_of_thumbnail(sample), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32).ravel()
    centred = grey - grey.mean()
    length = float(np.linalg.norm(centred))
    return np.asarray(centred / length if length > 0 else centred, dtype=np.float32)


def _pixels_of_thumbnail(sample: Sample) -> ImageHWC:
    raster = open_sample(sample)
    height, width = raster.shape[:2]
    part = slice(None), slice(None)
    if is_large((height, width)):
        top, left = max(0, height - _MIDDLE) // 2, max(0, width - _MIDDLE) // 2
        part = slice(top, top + _MIDDLE), slice(left, left + _MIDDLE)
    pixels = raster[part]
    return sample_as_picture(sample, pixels)
