"""YOLO-seg: a text file of normalised outlines for each image, and a data.yaml with the classes.

Source: the page of Ultralytics on datasets for instance segmentation. Boxes have no outline and are dropped.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.images.image_files import bytes_of_file, image_files_in
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.errors import DataError, SpecError
from seg.spec.yaml.yaml_text import parse_yaml_text, read_yaml_text

_SPLITS: Final = ("train", "val", "test")
_BOX: Final = 4


def read_yolo(source: Path, dropped: Dropped) -> ImportedDataset:
    file = source / "data.yaml" if source.is_dir() else source
    try:
        document = parse_yaml_text(read_yaml_text(file), file)
    except SpecError as error:
        raise DataError(str(error)) from error
    with base.errors_of_format_named(file, "YOLO"):
        listed = document["names"]
        values = [listed[key] for key in sorted(listed)] if isinstance(listed, dict) else listed
        names = list(map(str, values))
        root = file.parent / str(document.get("path") or ".")
        folders = {split: document[split] for split in _SPLITS if document.get(split)}
        places = [
            (split, str(place))
            for split, named in folders.items()
            for place in (named if isinstance(named, list) else [named])
        ]
    return ImportedDataset(
        _yolo_images(file, root, places, names, dropped), base.number_imported_classes(names)
    )


def _yolo_images(
    file: Path, root: Path, places: Sequence[tuple[str, str]], names: Sequence[str], dropped: Dropped
) -> Iterator[ImportedImage]:
    for split, place in places:
        # Exports name folders relative to where the dataset was, or to a folder beside the YAML's.
        wanted = (root / place, file.parent / place, file.parent / place.removeprefix("../"))
        folder = next((one for one in wanted if one.is_dir()), None)
        if folder is None:
            raise DataError(f"{file}: its {split} folder {place} is not there")
        for image in image_files_in(folder):
            size_hw = base.size_of_imported_image(image)
            # Labels are in the folder `labels` beside the last folder `images` of the path.
            labels = Path("labels".join(str(image.with_suffix(".txt")).rsplit("images", 1)))
            dropped["image without a file of labels (kept as empty)"] += not labels.is_file()
            objects = _yolo_objects(labels, size_hw, names, dropped)
            yield ImportedImage(image, size_hw, objects, base.import_split_of(split))


def _yolo_objects(
    file: Path, size_hw: tuple[int, int], names: Sequence[str], dropped: Dropped
) -> list[ImportedObject]:
    objects = []
    text = bytes_of_file(file).decode(errors="replace") if file.is_file() and file.stat().st_size else ""
    for number, line in enumerate(text.splitlines(), start=1):
        with base.errors_of_format_named(file.with_name(f"{file.name}:{number}"), "YOLO"):
            label, *numbers = [float(word) for word in line.split()] or [0.0]
            if len(numbers) <= _BOX:
                dropped["box without an outline"] += bool(numbers)
                continue
            if not 0 <= label < len(names):
                raise ValueError(f"class {label:g} of {len(names)}")
            outline = np.array(numbers) * np.tile(size_hw[::-1], len(numbers) // 2)
            objects.append(ImportedObject(names[int(label)], [outline.tolist()]))
    return objects
