"""Small datasets to say one thing at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data.images.images import write_image, write_mask
from seg.spec import DatasetSpec

CocoWriter = Callable[..., DatasetSpec]
MaskWriter = Callable[..., DatasetSpec]

HEIGHT, WIDTH = 20, 30


def spec(folder: Path, split: dict[str, str], **said: Any) -> DatasetSpec:
    return DatasetSpec.model_validate({"train": split, "val": split} | said, context={"folder": folder})


@pytest.fixture
def coco(tmp_path: Path) -> CocoWriter:
    """Writes one image of 30x20 pixels, `a.png`, and a COCO JSON with paper (3) and glass (7).

    `document` overrides keys of the JSON; the rest is said in the dataset's YAML.
    """

    def write(annotations: list[dict[str, Any]], document: Any = None, **said: Any) -> DatasetSpec:
        write_image(tmp_path / "images/a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        whole = {
            "images": [{"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
            "annotations": [{"id": n, "image_id": 1, **a} for n, a in enumerate(annotations, start=1)],
            "categories": [{"id": 7, "name": "glass"}, {"id": 3, "name": "paper"}],
        }
        (tmp_path / "x.json").write_text(json.dumps(whole | (document or {})))
        return spec(tmp_path, {"images": "images", "annotations": "x.json"}, **said)

    return write


@pytest.fixture
def masks(tmp_path: Path) -> MaskWriter:
    """Writes one image, `in/a.png`, of a row of pixels, and its mask with the given values."""

    def write(values: list[int], **said: Any) -> DatasetSpec:
        write_image(tmp_path / "images/in/a.png", np.zeros((1, len(values), 3), np.uint8))
        write_mask(tmp_path / "masks/in/a.png", np.array([values], np.uint8))
        return spec(tmp_path, {"images": "images", "masks": "masks"}, **said)

    return write
