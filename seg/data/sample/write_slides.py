"""Writing the built-in slides: tiled TIFFs to train on and to predict, outlines as COCO, a dataset YAML."""

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from seg.data.images.band_file import has_rasterio, silence_georeferencing_warnings
from seg.data.sample.slide import ROWS, SLIDE_CLASSES, SyntheticSlide
from seg.data.sample.write import new_sample_folder
from seg.distribution import install_advice
from seg.errors import DataError
from seg.files.atomic import write_text
from seg.terminal.progress import progress

_SPLITS: Final = ("train", "predict")
_BLOCKS_ALONG_A_SIDE: Final = 10
_LEAST_BLOCK: Final = 64
_DATASET_YAML: Final = """\
# The built-in slides: drawn tissue on glass, 3 classes. Written by `seg data sample --slide`.
train: {{ images: ., annotations: train.json }}
val: {{ tiles: 0.2, block: {block} }} # a fifth of the slide's blocks
predict: {{ images: ., annotations: predict.json }}
unlabelled: Background
"""


def write_slides(folder: Path, side: int, *, seed: int = 0) -> bool:
    """Write two slides of `side` pixels a side to a new folder; the same arguments give the same slides.

    Returns:
        Whether anything was written: False if the folder already holds them.

    Raises:
        OutputError: the folder holds something else.
        DataError: rasterio is missing.
    """
    if not has_rasterio():
        raise DataError(f"slides are written by rasterio: {install_advice('geo')}")
    with new_sample_folder(folder, {"slides": 1, "side": side, "seed": seed}) as unfinished:
        if unfinished is None:
            return False
        for number, name in enumerate(_SPLITS):
            _write_slide(unfinished, name, SyntheticSlide.draw((side, side), (seed, number)))
        block = max(_LEAST_BLOCK, side // _BLOCKS_ALONG_A_SIDE)
        write_text(unfinished / "dataset.yaml", _DATASET_YAML.format(block=block))
    return True


def _write_slide(folder: Path, name: str, slide: SyntheticSlide) -> None:
    import rasterio
    from rasterio.windows import Window

    silence_georeferencing_warnings()
    height, width = slide.size_hw
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 3,
        "dtype": "uint8",
        "photometric": "ycbcr",
        "compress": "jpeg",
        "tiled": True,
        "blockxsize": ROWS,
        "blockysize": ROWS,
    }
    with (
        progress(f"draw {name}.tif", height, unit="rows") as advance,
        rasterio.open(folder / f"{name}.tif", "w", **profile) as file,
    ):
        for number, strip_hwc in enumerate(slide.image_strips()):
            window = Window(0, number * ROWS, width, len(strip_hwc))
            file.write(np.ascontiguousarray(strip_hwc.transpose(2, 0, 1)), window=window)
            advance(len(strip_hwc))
    write_text(folder / f"{name}.json", json.dumps(_coco_of_slide(f"{name}.tif", slide)) + "\n")


def _coco_of_slide(file_name: str, slide: SyntheticSlide) -> dict[str, Any]:
    height, width = slide.size_hw
    annotations = []
    for number, one in enumerate(slide.structures, start=1):
        outline = np.round(one.outline, 1)
        low, high = outline.min(axis=0), outline.max(axis=0)
        annotations.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": SLIDE_CLASSES.index(one.name) + 1,
                "segmentation": [outline.ravel().tolist()],
                "area": float(cv2.contourArea(outline.astype(np.float32)[:, None])),
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "iscrowd": 0,
            }
        )
    return {
        "images": [{"id": 1, "file_name": file_name, "height": height, "width": width}],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(SLIDE_CLASSES, start=1)],
    }
