"""Large images in parts: rows of tiles that are given to several workers."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from seg.data.images.read_sample import size_if_by_region
from seg.engine.cluster.remote_images import ImageRef, is_uri
from seg.engine.jobs.journal.journal import Journal
from seg.engine.passes.tiles import TiledSide, lay_out_tiles
from seg.spec import EnsembleSpec

PARTS_PER_WORKER: Final = 4
"""Parts of an image for each worker, so that all end at about the same time."""

LEAST_ROWS: Final = 4
"""The least rows of tiles of a part, if there are so many: those at its edges are predicted twice."""


def missing_parts(
    images: Sequence[ImageRef], spec: EnsembleSpec, journal: Journal, workers: int
) -> list[ImageRef]:
    """The images, and in the place of a large one its parts that are missing in the journal."""
    return [part for image in images for part in _missing_parts_of_image(image, spec, journal, workers)]


def _missing_parts_of_image(
    image: ImageRef, spec: EnsembleSpec, journal: Journal, workers: int
) -> Iterator[ImageRef]:
    size_hw = None if _is_read_whole(image) else size_if_by_region(image.sample)
    if spec.tile is None or size_hw is None or any(rule.needs_regions for rule in spec.decision.rules):
        yield image
        return
    rows = lay_out_tiles(size_hw, spec.tile).rows
    longest = max(LEAST_ROWS, math.ceil(len(rows.starts) / (workers * PARTS_PER_WORKER)))
    for part in rows_in_parts(rows, journal.first_rows(image.id, image.source()), longest):
        yield replace(image, rows=(part.start, part.stop))


def rows_in_parts(side: TiledSide, done: Collection[int], longest: int) -> Iterator[range]:
    """The rows of an image without those of strips that are done, in parts of at most so many strips.

    Args:
        done: the first rows of these strips.
    """
    edges = (*side.starts, side.extent)
    first: int | None = None
    for number, top in enumerate(edges):
        is_missing = number < len(side.starts) and top not in done
        if first is not None and (not is_missing or number - first == longest):
            yield range(edges[first], top)
            first = None
        if is_missing and first is None:
            first = number


def _is_read_whole(image: ImageRef) -> bool:
    """Whether every worker would have to read all of it."""
    return is_uri(image.place) or bool(image.stack)
