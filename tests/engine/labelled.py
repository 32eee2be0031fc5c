"""Label maps of three classes whose ids are not their positions, and formats to write them in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from seg.data import Sample
from seg.engine.submissions import LabelledImage, SubmissionFormat, open_submission_format
from seg.labels.classes import ClassInfo
from seg.spec.ensemble.output import Format, OutputSpec

HEIGHT, WIDTH = 3, 4
CLASSES = tuple(
    ClassInfo(id=number, name=name, colour=colour)
    for number, name, colour in (
        (7, "road", (128, 64, 128)),
        (0, "ground", (10, 20, 30)),
        (27, "truck", (0, 0, 70)),
    )
)
IDS = np.array([c.id for c in CLASSES])


def maps_of(names: Sequence[str], seed: int = 0) -> list[LabelledImage]:
    random = np.random.default_rng(seed)
    return [(name, random.integers(0, len(CLASSES), (HEIGHT, WIDTH), dtype=np.uint8)) for name in names]


def form_of(name: Format, land: Path, names: Sequence[str], **more: Any) -> SubmissionFormat:
    samples = [Sample(one, Path(f"{one}.png")) for one in names]
    return open_submission_format(
        OutputSpec(format=name, **more), CLASSES, "ground", lambda _: str(land), samples
    )


def write_land(path: Path) -> Path:
    """An aerial image of that size, which a GeoTIFF of labels takes its place from."""
    place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 372_000, 0, -1, 5_805_000)}
    size = {"height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        file.write(np.zeros((3, HEIGHT, WIDTH), dtype=np.uint8))
    return path
