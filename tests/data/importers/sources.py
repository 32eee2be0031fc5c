"""A small dataset as each tool writes it: one image of 12x8, with an object whose pixels are known."""

import base64
import csv
import json
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import rasterio
from PIL import Image
from pyarrow import parquet
from rasterio.transform import Affine

WIDTH, HEIGHT = 12, 8
SQUARE: Final = [[2, 1], [6, 1], [6, 4], [2, 4]]
"""The outline of rows 1..3 and columns 2..5."""

BRUSH: Final = [0, 0, 0, 140, 57, 27, 254, 35, 0, 191, 255, 108, 2, 255, 254, 31, 0, 143, 255, 11, 128, 0]
"""Of 7x5 pixels: rows 1, 2 of columns 2..5, and row 4 of column 0; by label-studio-sdk 2.1.2 (`mask2rle`)."""


def square_hw() -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask_hw = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask_hw[1:4, 2:6] = True
    return mask_hw


def image_at(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 120, 60)).save(path)
    return path


def json_at(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def png_of(array: np.ndarray[Any, Any], mode: str | None = None) -> bytes:
    file = BytesIO()
    Image.fromarray(array, mode).save(file, "PNG")
    return file.getvalue()


def labelme(folder: Path) -> None:
    image_at(folder / "a.jpg")
    patch = base64.b64encode(png_of(np.full((3, 4), 255, dtype=np.uint8))).decode()
    shapes = [
        {"label": "polygon", "points": SQUARE, "shape_type": "polygon"},
        {"label": "rectangle", "points": [[2, 1], [6, 4]], "shape_type": "rectangle"},
        {"label": "mask", "points": [[2, 1], [5, 3]], "shape_type": "mask", "mask": patch},
        {"label": "polygon", "points": [[1, 1]], "shape_type": "point"},
        {"label": "polygon", "points": [[1, 1], [2, 2]], "shape_type": "polygon"},
    ]
    json_at(folder / "a.json", {"shapes": shapes, "imagePath": "..\\old\\a.jpg", "imageData": None})
    json_at(folder / "b.json", {"shapes": shapes, "imagePath": "b.jpg"})
    json_at(folder / "other.json", {"scores": []})


def label_studio(folder: Path) -> None:
    image_at(folder / "images/a.png")
    image_at(folder / "images/b.png", 7, 5)
    points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in SQUARE]
    box = {"x": 200 / WIDTH, "y": 100 / HEIGHT, "width": 400 / WIDTH, "height": 300 / HEIGHT, "rotation": 0}
    results = [
        {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["polygon"]}},
        {"type": "rectanglelabels", "value": {**box, "rectanglelabels": ["rectangle"]}},
        {"type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["polygon"]}},
    ]
    brush = {
        "type": "brushlabels",
        "original_width": 7,
        "original_height": 5,
        "value": {"format": "rle", "rle": BRUSH, "brushlabels": ["brush"]},
    }
    cancelled = {"was_cancelled": True, "result": results}
    tasks = [
        {
            "data": {"note": "1. A note.", "image": "/data/upload/1/0123abcd-a.png"},
            "annotations": [cancelled, {"result": results}],
        },
        {"data": {"img": "/data/local-files/?d=images%2Fb.png"}, "annotations": [{"result": [brush]}]},
        {"data": {"image": "/data/upload/1/gone.png"}, "annotations": []},
    ]
    json_at(folder / "project-1.json", tasks)


def cvat(folder: Path) -> None:
    image_at(folder / "images/day/a.jpg")
    points = ";".join(f"{x}.0,{y}.0" for x, y in SQUARE)
    (folder / "annotations.xml").write_text(
        f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>
<label><name>polygon</name></label><label><name>box</name></label><label><name>mask</name></label>
</labels></task></meta>
<image id="0" name="day/a.jpg" width="{WIDTH}" height="{HEIGHT}" subset="Validation">
<polygon label="polygon" points="{points}" z_order="0"/>
<box label="box" xtl="2.0" ytl="1.0" xbr="6.0" ybr="4.0"/>
<mask label="mask" rle="5, 4, 1, 5, 0, 3" left="1" top="1" width="6" height="3"/>
<polyline label="polygon" points="1,1;2,2"/><tag label="polygon"/>
</image><image id="1" name="gone.jpg" width="1" height="1"/><track id="0" label="box"/>
</annotations>"""
    )


def via(folder: Path) -> None:
    """A project beside its image's folder; the CSV has the same regions once more."""
    size = image_at(folder / "images/a.jpg").stat().st_size
    xs, ys = [list(axis) for axis in zip(*SQUARE, strict=True)]
    regions = [
        ({"name": "polygon", "all_points_x": xs, "all_points_y": ys}, {"class": "polygon"}),
        ({"name": "rect", "x": 2, "y": 1, "width": 4, "height": 3}, {"class": {"rect": True, "x": False}}),
        ({"name": "point", "cx": 1, "cy": 1}, {"class": "polygon"}),
        ({"name": "rect", "x": 2, "y": 1, "width": 4, "height": 3}, {"class": "", "note": "far"}),
    ]
    listed = [{"shape_attributes": shape, "region_attributes": attributes} for shape, attributes in regions]
    images = {
        f"a.jpg{size}": {"filename": "a.jpg", "size": size, "regions": listed, "file_attributes": {}},
        "gone.jpg-1": {"filename": "gone.jpg", "size": -1, "regions": [], "file_attributes": {}},
    }
    json_at(folder / "via_project.json", {"_via_settings": {}, "_via_img_metadata": images})
    json_at(folder / "other.json", {"scores": []})
    via_csv_at(folder / "via_export.csv", [("a.jpg", shape, attributes) for shape, attributes in regions])


def via_csv_at(path: Path, regions: Sequence[tuple[str, object, object]]) -> None:
    """A CSV of VIA: a row for each region of an image."""
    columns = "file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"filename,{columns}\n")
        for name, shape, attributes in regions:
            csv.writer(file).writerow([name, 9, "{}", 1, 0, json.dumps(shape), json.dumps(attributes)])


def yolo(folder: Path) -> None:
    image_at(folder / "train/images/a.jpg")
    image_at(folder / "valid/images/b.jpg")
    numbers = " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in SQUARE)
    (folder / "train/labels").mkdir(parents=True)
    (folder / "train/labels/a.txt").write_text(f"1 {numbers}\n\n0 0.5 0.5 0.1 0.1\n")
    (folder / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [box, polygon]\n")


def supervisely(folder: Path) -> None:
    image_at(folder / "train/img/a.jpg")
    bitmap = base64.b64encode(zlib.compress(png_of(np.full((3, 4), 255, dtype=np.uint8)))).decode()
    holed = [[0, 0], [10, 0], [10, 7], [0, 7]]
    objects = [
        {"classTitle": "polygon", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": []}},
        {"classTitle": "bitmap", "geometryType": "bitmap", "bitmap": {"data": bitmap, "origin": [2, 1]}},
        {
            "classTitle": "holed",
            "geometryType": "polygon",
            "points": {"exterior": holed, "interior": [SQUARE]},
        },
        {"classTitle": "polygon", "geometryType": "line", "points": {"exterior": SQUARE, "interior": []}},
    ]
    json_at(folder / "train/ann/a.jpg.json", {"size": {}, "objects": objects})
    json_at(folder / "train/ann/gone.jpg.json", {"size": {}, "objects": objects})
    classes = [{"title": name} for name in ("polygon", "bitmap", "holed")]
    json_at(folder / "meta.json", {"classes": classes})


def mapillary(folder: Path) -> None:
    image_at(folder / "training/images/a.jpg")
    image_at(folder / "testing/images/t.jpg")
    labels = folder / "training/v1.2/labels/a.png"
    labels.parent.mkdir(parents=True)
    index_hw = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    index_hw[square_hw()] = 1
    index_hw[7] = 2
    Image.fromarray(index_hw).save(labels)
    named = [("Bird", True), ("polygon", True), ("Unlabeled", False)]
    json_at(
        folder / "config_v1.2.json", {"labels": [{"readable": one, "evaluate": kept} for one, kept in named]}
    )


def geojson(folder: Path) -> None:
    image_at(folder / "a.png")
    ring = [*SQUARE, SQUARE[0]]
    hole = [[0, 0], [10, 0], [10, 7], [0, 7], [0, 0]]
    pixels = [
        {
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"classification": {"name": "polygon"}},
        },
        {"geometry": {"type": "Polygon", "coordinates": [hole, ring]}, "properties": {"name": "holed"}},
        {"geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": {}},
    ]
    json_at(folder / "a.json", pixels)
    # On Earth: pixels of 2 m from the corner (500000, 4649776) of zone 33.
    land = {"crs": "EPSG:32633", "transform": Affine(2, 0, 500_000, 0, -2, 4_649_776)}
    size = {"height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
    with rasterio.open(folder / "land.tif", "w", driver="GTiff", **size, **land) as file:
        file.write(np.zeros((3, HEIGHT, WIDTH), dtype=np.uint8))
    ground = [[500_000 + 2 * x, 4_649_776 - 2 * y] for x, y in ring]
    feature = {
        "geometry": {"type": "MultiPolygon", "coordinates": [[ground]]},
        "properties": {"label": "land"},
    }
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    json_at(folder / "land.geojson", {"type": "FeatureCollection", "crs": crs, "features": [feature]})


def huggingface(folder: Path) -> None:
    index_hw = np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)
    index_hw[square_hw()] = 7
    file = BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(file, "JPEG")
    row = {
        "image": {"bytes": file.getvalue(), "path": "0.jpg"},
        "annotation": {"bytes": png_of(index_hw), "path": "0.png"},
        "scene": 1,
    }
    (folder / "data").mkdir(parents=True)
    for split in ("train", "validation"):
        parquet.write_table(pa.Table.from_pylist([row]), folder / f"data/{split}-00000-of-00001.parquet")
    json_at(folder / "id2label.json", {"10": "other", "7": "polygon"})


SOURCES: Final[dict[str, Callable[[Path], None]]] = {
    "labelme": labelme,
    "label-studio": label_studio,
    "cvat": cvat,
    "via": via,
    "yolo": yolo,
    "supervisely": supervisely,
    "mapillary": mapillary,
    "geojson": geojson,
    "huggingface": huggingface,
}
