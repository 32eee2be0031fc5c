"""Write a zoomable map: `index.html`, which any browser opens, beside tiles of an image and its label maps.

Each class has tiles of its own, so that it can be switched on and off: a page that is opened from a folder
cannot read the pixels of others. Tiles without a pixel of their class are not written.
"""

import html
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.labels.classes import ClassInfo, Colour
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap, Task, masks_of
from seg.pictures.zoom_map.tile_pyramid import TILE, TilePyramid, first_pyramid_level, last_pyramid_level

_PAGE: Final = ("map.css", "map.js", "openseadragon.min.js", "openseadragon.LICENSE.txt")
_JPEG_QUALITY: Final = 85
_MARK: Final = "<!-- map -->"
_NAME: Final = "<!-- name -->"


class Picture(Protocol):
    """An image or a label map of which rows and columns are taken, such as an array."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, place: tuple[slice, slice], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class MapLayer:
    """A label map of the image's size; `clear` is a class that is not drawn, such as a background."""

    name: str
    labels: Picture
    classes: Sequence[ClassInfo]
    task: Task = "multiclass"
    clear: int | None = None


def write_zoom_map(
    folder: Path, name: str, image: Picture, layers: Sequence[MapLayer], pixel_um: float | None = None
) -> None:
    """Write a map into a folder.

    Args:
        name: what the page is called.
        image: RGB, uint8 `[H, W, 3]`.
        pixel_um: the side of a pixel in micrometres, for a scale bar.
    """
    height, width = image.shape[:2]
    tiles = TilePyramid((height, width), lambda *tile: _save_jpeg_tile(folder / "image", *tile))
    writers = [_LayerWriter(folder / f"layer-{number}", one) for number, one in enumerate(layers)]
    for top in range(0, height, TILE):
        rows = slice(top, min(top + TILE, height))
        tiles.add(np.asarray(image[rows, 0:width]))
        for writer in writers:
            writer.add(rows)
    facts = {
        "width": width,
        "height": height,
        "tile": TILE,
        "levels": [first_pyramid_level((height, width)), last_pyramid_level((height, width))],
        "pixelUm": pixel_um,
        "layers": [writer.facts() for writer in writers],
    }
    _write_map_page(folder, name, facts)


def write_list_of_maps(folder: Path, names: Sequence[str]) -> None:
    """Write a page that links to maps in the folders 1, 2 and so on."""
    rows = "".join(
        f'<li><a href="{number}/index.html">{html.escape(name)}</a></li>\n'
        for number, name in enumerate(names, start=1)
    )
    text = files(__package__).joinpath("page", "maps.html").read_text(encoding="utf-8")
    _write_map_file(folder / "index.html", text.replace(_MARK, rows).encode())


class _LayerWriter:
    """The tiles of each class of a layer."""

    def __init__(self, folder: Path, layer: MapLayer) -> None:
        self._folder = folder
        self._layer = layer
        self._pixels = np.zeros(len(layer.classes), dtype=np.int64)
        self._pyramids: dict[int, TilePyramid] = {}
        self._saved: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))

    def add(self, rows: slice) -> None:
        """Add the layer's next rows."""
        height, width = self._layer.labels.shape[:2]
        masks_chw = self._masks(np.asarray(self._layer.labels[rows, 0:width]))
        self._pixels += masks_chw.sum(axis=(1, 2))
        for number, mask_hw in enumerate(masks_chw):
            if number == self._layer.clear or not (mask_hw.any() or number in self._pyramids):
                continue
            if number not in self._pyramids:
                self._pyramids[number] = self._begin(number, (height, width), rows.start)
            self._pyramids[number].add(mask_hw[..., None].astype(np.uint8) * 255)

    def facts(self) -> dict[str, Any]:
        """What the page knows of the layer: its classes, their shares, and which tiles there are."""
        height, width = self._layer.labels.shape[:2]
        return {
            "name": self._layer.name,
            "classes": [
                {
                    "number": number,
                    "name": c.name,
                    "colour": c.colour,
                    "share": int(self._pixels[number]) / (height * width),
                    "tiles": self._saved[number],
                }
                for number, c in enumerate(self._layer.classes)
                if number in self._pyramids
            ],
        }

    def _masks(self, labels_hw: LabelMap) -> NDArray[np.bool_]:
        return masks_of(labels_hw, self._layer.task, len(self._layer.classes))

    def _begin(self, number: int, size_hw: tuple[int, int], rows_before: int) -> TilePyramid:
        """The pyramid of a class, with the rows above it, which have no pixel of it."""
        colour = self._layer.classes[number].colour

        def save(level: int, column: int, row: int, share_hwc: NDArray[np.uint8]) -> None:
            if share_hwc.any():
                _save_png_tile(self._folder / str(number), level, column, row, share_hwc, colour)
                self._saved[number][level].append(f"{column}_{row}")

        pyramid = TilePyramid(size_hw, save)
        for _ in range(0, rows_before, TILE):
            pyramid.add(np.zeros((TILE, size_hw[1], 1), dtype=np.uint8))
        return pyramid


def _save_jpeg_tile(folder: Path, level: int, column: int, row: int, tile_hwc: ImageHWC) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(tile_hwc[..., ::-1]), options)
    _write_map_file(folder / str(level) / f"{column}_{row}.jpg", data.tobytes())


def _save_png_tile(
    folder: Path, level: int, column: int, row: int, share_hwc: NDArray[np.uint8], colour: Colour
) -> None:
    """A tile in the class's colour, as opaque as the class's share of each pixel."""
    tile_hwc = np.empty((*share_hwc.shape[:2], 4), dtype=np.uint8)
    tile_hwc[..., :3] = colour[::-1]
    tile_hwc[..., 3:] = share_hwc
    _, data = cv2.imencode(".png", tile_hwc)
    _write_map_file(folder / str(level) / f"{column}_{row}.png", data.tobytes())


def _write_map_page(folder: Path, name: str, facts: dict[str, Any]) -> None:
    page = files(__package__).joinpath("page")
    for one in _PAGE:
        _write_map_file(folder / one, page.joinpath(one).read_bytes())
    text = page.joinpath("index.html").read_text(encoding="utf-8")
    # `<` is escaped, since a name could end the script.
    document = json.dumps(facts).replace("<", "\\u003c")
    text = text.replace(_NAME, html.escape(name)).replace(_MARK, document)
    _write_map_file(folder / "index.html", text.encode())


def _write_map_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
