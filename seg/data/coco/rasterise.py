"""Rasterise COCO segmentations: polygons and run lengths become bool masks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.coco.coco_file import CocoRle
from seg.data.regions.run_mask import RunMask

MaskHW = NDArray[np.bool_]
"""The pixels of one object, bool `[H, W]`."""

_COORDINATES_OF_A_TRIANGLE = 6
_LONGEST_COUNT = 7
"""Characters of a compressed count: 35 bits, more pixels than an image can have."""


def rasterise_to_mask(shape: list[list[float]] | CocoRle, size_hw: tuple[int, int]) -> MaskHW:
    """The pixels of one object in an image of that size, by pycocotools' rule for polygons.

    Raises:
        ValueError: the shape is malformed; the message says how, without file or id.
    """
    if not isinstance(shape, CocoRle):
        return _mask_from_polygons(shape, size_hw)
    return _mask_from_run_lengths(_run_counts_of(shape, size_hw), size_hw)


def _run_counts_of(shape: CocoRle, size_hw: tuple[int, int]) -> Sequence[int] | NDArray[np.int64]:
    if shape.size != size_hw:
        raise ValueError(f"its run lengths are for {shape.size}, the image is {size_hw} (height, width)")
    return _decompress_counts(shape.counts) if isinstance(shape.counts, str) else shape.counts


def rasterise_to_runs(shape: list[list[float]] | CocoRle, size_hw: tuple[int, int]) -> RunMask:
    """The same pixels as runs, of which any region is drawn; raises ValueError as `rasterise_to_mask`."""
    if isinstance(shape, CocoRle):
        counts = _run_counts_of(shape, size_hw)
        _refuse_false_run_total(counts, size_hw)
    elif shape:
        counts = _decompress_counts(_encode_polygons(shape, size_hw)["counts"].decode())
    else:
        counts = np.zeros(0, dtype=np.int64)
    ends = np.cumsum(np.asarray(counts, dtype=np.int64))
    return RunMask.of_runs(ends[:-1:2], np.asarray(counts, dtype=np.int64)[1::2], size_hw, "columns")


def runs_as_coco(runs: RunMask, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Runs of columns as COCO's compressed run lengths: `size` and `counts`."""
    from pycocotools import mask as coco_mask

    height, width = size_hw
    starts, ends = runs.lines * height + runs.starts, runs.lines * height + runs.ends
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width)
    encoded = coco_mask.frPyObjects({"size": list(size_hw), "counts": counts.tolist()}, *size_hw)
    return {"size": list(size_hw), "counts": encoded["counts"].decode()}


def _mask_from_polygons(polygons: list[list[float]], size_hw: tuple[int, int]) -> MaskHW:
    from pycocotools import mask as coco_mask

    if not polygons:
        return np.zeros(size_hw, dtype=np.bool_)
    return np.asarray(coco_mask.decode(_encode_polygons(polygons, size_hw)), dtype=np.bool_)


def _encode_polygons(polygons: list[list[float]], size_hw: tuple[int, int]) -> Any:
    """The union of polygons as pycocotools has it: a size and compressed counts."""
    from pycocotools import mask as coco_mask

    for polygon in polygons:
        _refuse_malformed_polygon(polygon, size_hw)
    return coco_mask.merge(coco_mask.frPyObjects(polygons, *size_hw))


def _refuse_malformed_polygon(polygon: list[float], size_hw: tuple[int, int]) -> None:
    """Raise ValueError for a malformed polygon; pycocotools would take forever for a point far outside."""
    if len(polygon) < _COORDINATES_OF_A_TRIANGLE or len(polygon) % 2:
        raise ValueError(f"a polygon has at least 3 points, x and y each, got {len(polygon)} numbers")
    height, width = size_hw
    for x, y in zip(polygon[::2], polygon[1::2], strict=True):
        if not (-width <= x <= 2 * width and -height <= y <= 2 * height):
            raise ValueError(f"a polygon's point ({x:g}, {y:g}) is far outside the {width}x{height} image")


def _mask_from_run_lengths(counts: Sequence[int] | NDArray[np.int64], size_hw: tuple[int, int]) -> MaskHW:
    height, width = size_hw
    _refuse_false_run_total(counts, size_hw)
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T


def _refuse_false_run_total(counts: Sequence[int] | NDArray[np.int64], size_hw: tuple[int, int]) -> None:
    """Raise ValueError for run lengths that are not those of an image of this size."""
    height, width = size_hw
    if min(counts, default=0) < 0:
        raise ValueError(f"it has a run of negative length ({min(counts)})")
    total = sum(map(int, counts))
    if total != height * width:
        raise ValueError(f"its run lengths sum to {total}, the image has {height * width} pixels")


def _decompress_counts(text: str) -> NDArray[np.int64]:
    """COCO's compressed counts, as pycocotools' `rleFrString` reads them.

    A character holds 5 bits of a count, lowest first, and a bit that says whether more follow. A count
    is signed, and from the fourth on it is the difference to the count before the last.
    """
    bits = np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8).astype(np.int64) - ord("0")
    if not bits.size or bits.min() < 0 or bits.max() > 63 or bits[-1] & 32:
        raise ValueError("its run lengths are not COCO's compressed text")
    ends = np.flatnonzero(bits & 32 == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_COUNT:
        raise ValueError("its run lengths are not COCO's compressed text")
    place = np.arange(bits.size) - np.repeat(starts, lengths)
    counts = np.add.reduceat((bits & 31) << (5 * place), starts)
    counts -= (bits[ends] >> 4 & 1) << (5 * lengths)
    counts[1::2] = counts[1::2].cumsum()
    counts[2::2] = counts[2::2].cumsum()
    return counts
