"""A contest of a few small label maps, with its right submission."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg.data.images.images import write_image, write_mask
from seg.engine.submissions import SubmissionForSpec
from seg.labels.label_map import LabelsHW
from seg.spec import EnsembleSpec, load_ensemble

ONE: LabelsHW = np.array(
    [[0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0] * 6], dtype=np.uint8
)


def contest_of(
    folder: Path, maps: dict[str, LabelsHW], classes: Sequence[str], **output: Any
) -> EnsembleSpec:
    """A spec of images with these label maps, and their right submission `right.csv`."""
    random = np.random.default_rng(0)
    for name, labels_hw in maps.items():
        write_mask(folder / f"masks/{name}.png", labels_hw)
        write_image(
            folder / f"images/{name}.png", random.integers(0, 256, (*labels_hw.shape, 3), dtype=np.uint8)
        )
    split = {"images": "images", "masks": "masks"}
    data = {"train": split, "val": split, "classes": list(classes), "unlabelled": classes[0]}
    said = {"data": data, "members": [{"name": "a"}], "output": {"file": "right.csv", **output}}
    (folder / "spec.yaml").write_text(json.dumps(said))
    spec = load_ensemble(folder / "spec.yaml")
    SubmissionForSpec(spec).form().write(spec.output.file, list(maps.items()))
    return spec
