"""Mapillary Vistas: index PNGs below `labels`, and a config with the classes.

Source: the README of Mapillary Vistas. Classes that the config does not evaluate, and values beyond the
config, are unlabelled.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.images.images import read_index_map
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.errors import DataError
from seg.spec.dataset.dataset import SplitName

_SPLITS: Final[Mapping[str, SplitName]] = {"training": "train", "validation": "val", "testing": "predict"}


def read_mapillary(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a folder of Mapillary Vistas: index PNGs and the latest config of classes.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    file = next(iter(sorted(source.glob("config*.json"), reverse=True)), source / "config.json")
    config = base.read_annotation_json(file)
    with base.errors_of_format_named(file, "Mapillary"):
        names = [str(one["readable"]) for one in config["labels"]]
        evaluated = [bool(one.get("evaluate", True)) for one in config["labels"]]
    version = file.stem.removeprefix("config").removeprefix("_")
    kept = {name: value for value, name in enumerate(names) if evaluated[value]}
    return ImportedDataset(_mapillary_images(source, version, names, evaluated, dropped), kept, base.IGNORED)


def _mapillary_images(
    source: Path, version: str, names: Sequence[str], evaluated: Sequence[bool], dropped: Dropped
) -> Iterator[ImportedImage]:
    if not any((source / folder / "images").is_dir() for folder in _SPLITS):
        raise DataError(
            f"{source}: has none of the folders {', '.join(f'{name}/images' for name in _SPLITS)}"
        )
    for folder, split in _SPLITS.items():
        if not (source / folder / "images").is_dir():
            continue
        places = [source / folder / version / "labels", source / folder / "labels"]
        labels = next((place for place in places if place.is_dir()), None)
        for stem, image in base.images_by_stem(source / folder / "images").items():
            mask = labels and labels / f"{stem}.png"
            if mask is None or not mask.is_file():
                if split != "predict":
                    dropped["image without labels"] += 1
                    continue
                yield ImportedImage(image, base.size_of_imported_image(image), [], split)
                continue
            index_hw = read_index_map(mask)
            objects = []
            for value in np.unique(index_hw).tolist():
                if value < len(names) and evaluated[value]:
                    objects.append(ImportedObject(names[value], index_hw == value))
                else:
                    dropped["class of an image that is not evaluated (unlabelled)"] += 1
            yield ImportedImage(image, index_hw.shape, objects, split)
