"""Seams: labels of an image in tiles against those of the image at once, by the distance to the nearest seam.

    python -m benchmarks.prediction.seams MODEL.onnx IMAGE... --tile 256 --side 1536 --picture seams.png

A seam is a line at which the two nearest tiles have the same weight: the middle of their overlap. The network
should have a large receptive field. The middle of each image is taken. Prints a table in Markdown.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, get_args

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seg.data.images.raster import open_raster
from seg.engine import Ensemble
from seg.engine.passes.tiles import TiledSide, lay_out_tiles
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec.ensemble.prediction import Blend, TileSpec

OVERLAPS: Final = (0.0, 0.125, 0.25, 0.5)
EDGES: Final = (0, 4, 8, 16, 32, 64, 256)
"""Distances to a seam, in pixels, between which labels are compared."""


@dataclass(frozen=True)
class Tiling:
    """How images are cut, the passes of an image, and the shares of labels that differ."""

    tile: TileSpec
    passes: int
    near: Sequence[float]
    overall: float

    @property
    def name(self) -> str:
        return f"{self.tile.overlap:g} {self.tile.blend}"


def compare_tiles_and_whole(
    ensemble: Ensemble, images: Sequence[ImageHWC], whole: Sequence[LabelsHW], tile: TileSpec
) -> Tiling:
    """The labels in tiles against those of the images at once."""
    tiled = labels_in_tiles(replace(ensemble, tile=tile), images)
    differs = np.stack([a != b for a, b in zip(tiled, whole, strict=True)])
    layout = lay_out_tiles(images[0].shape[:2], tile)
    rows, columns = distances_to_seam(layout.rows), distances_to_seam(layout.columns)
    distance_hw = np.minimum(rows[:, None], columns[None])
    near = [float(differs[:, (distance_hw >= a) & (distance_hw < b)].mean()) for a, b in pairwise(EDGES)]
    return Tiling(tile, layout.count, near, float(differs.mean()))


def distances_to_seam(side: TiledSide) -> NDArray[np.float64]:
    """The distance of each row or column to the nearest seam."""
    seams = np.array([(after + before + side.length) / 2 for before, after in pairwise(side.starts)])
    middles = np.arange(side.extent) + 0.5
    found: NDArray[np.float64] = np.abs(middles[:, None] - seams[None]).min(axis=1, initial=np.inf)
    return found


def labels_in_tiles(ensemble: Ensemble, images: Sequence[ImageHWC]) -> list[LabelsHW]:
    found = dict(ensemble.label_all(enumerate(images), lambda number, labels_hw: (number, labels_hw)))
    return [found[number] for number in range(len(images))]


def middle_of(path: Path, side: int) -> ImageHWC:
    """The middle of an image, so many pixels wide and high."""
    raster = open_raster(path)
    top, left = ((extent - side) // 2 for extent in raster.shape[:2])
    return np.ascontiguousarray(raster[top : top + side, left : left + side])


def print_seams_table(tilings: Sequence[Tiling]) -> None:
    bands = " | ".join(f"{a}-{b} px" for a, b in pairwise(EDGES))
    print(f"| overlap | blend | passes an image | {bands} | all |")
    print(f"|---|---|---:|{'---:|' * len(EDGES)}")
    for one in tilings:
        near = " | ".join(f"{share:.3%}" for share in one.near)
        print(f"| {one.tile.overlap:g} | {one.tile.blend} | {one.passes} | {near} | {one.overall:.3%} |")


def draw_seams_chart(path: Path, tilings: Sequence[Tiling]) -> None:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axis = figure.subplots()
    places = [np.sqrt(max(a, 1) * b) for a, b in pairwise(EDGES)]
    for one in tilings:
        style = "-" if one.tile.blend == "gaussian" else "--"
        axis.plot(places, [100 * share for share in one.near], style, marker=".", label=one.name)
    axis.set_xscale("log")
    axis.set_xlabel("distance to the nearest seam, pixels")
    axis.set_ylabel("labels that differ from the whole image's, %")
    axis.legend(title="overlap, blend", frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--side", type=int, default=1536)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    ensemble = Ensemble.from_models([asked.model], runtime="cpu")
    images = [middle_of(path, asked.side) for path in asked.images]
    whole = labels_in_tiles(ensemble, images)
    tilings = [
        compare_tiles_and_whole(
            ensemble, images, whole, TileSpec(size=(asked.tile, asked.tile), overlap=overlap, blend=blend)
        )
        for blend in get_args(Blend)
        for overlap in OVERLAPS
    ]
    print_seams_table(tilings)
    if asked.picture:
        draw_seams_chart(asked.picture, tilings)


if __name__ == "__main__":
    main()
