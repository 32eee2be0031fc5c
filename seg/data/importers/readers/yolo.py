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
from seg.data.splits.list_samples import images_to_list
from seg.errors import DataError, SpecError
from seg.spec.dataset.dataset import SplitName
from seg.spec.yaml.yaml_text import parse_yaml_text, read_yaml_text

_SPLITS: Final = ("train", "val", "test")
_BOX: Final = 4
_NAME_LISTS: Final = ("obj.names", "classes.txt", "*.names")


def read_yolo(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a YOLO-seg dataset: a `data.yaml`, or a list of names alone, and outlines.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    if (listed := _file_of_names_alone(source)) is not None:
        return _read_yolo_without_yaml(source, listed, dropped)
    file = _yolo_yaml(source)
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


def _yolo_yaml(source: Path) -> Path:
    """`data.yaml`, or the only YAML of the folder, as Ultralytics names it after the dataset."""
    if not source.is_dir() or (usual := source / "data.yaml").is_file():
        return source / "data.yaml" if source.is_dir() else source
    found = sorted([*source.glob("*.yaml"), *source.glob("*.yml")])
    if len(found) != 1:
        raise DataError(
            f"{usual}: is not there: write it, with the folders and the classes in their order, such as"
            " 'train: images/train', 'val: images/val' and 'names: [cat, dog]'"
        )
    return found[0]


def _file_of_names_alone(source: Path) -> Path | None:
    """The list of classes that exports of CVAT and labelImg have instead of a YAML."""
    if not source.is_dir() or [*source.glob("*.yaml"), *source.glob("*.yml")]:
        return None
    return next((file for name in _NAME_LISTS for file in sorted(source.rglob(name))), None)


def _read_yolo_without_yaml(source: Path, listed: Path, dropped: Dropped) -> ImportedDataset:
    """All images of a folder, in the splits that their folders are named after."""
    lines = bytes_of_file(listed).decode(errors="replace").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    images = (
        _yolo_image(image, names, base.import_split_of_path(image, source), dropped)
        for image in image_files_in(source)
    )
    return ImportedDataset(images, base.number_imported_classes(names))


def _yolo_images(
    file: Path, root: Path, places: Sequence[tuple[str, str]], names: Sequence[str], dropped: Dropped
) -> Iterator[ImportedImage]:
    for split, place in places:
        # Exports name folders relative to where the dataset was, or to a folder beside the YAML's.
        wanted = (root / place, file.parent / place, file.parent / place.removeprefix("../"))
        named = next((one for one in wanted if one.exists()), None)
        if named is None and split == "test":
            dropped["folder of test images that is not there"] += 1
            continue
        if named is None:
            raise DataError(f"{file}: its {split} folder {place} is not there: correct or remove it")
        _, images = images_to_list(named)
        for image in images:
            yield _yolo_image(image, names, base.import_split_of(split), dropped)


def _yolo_image(image: Path, names: Sequence[str], split: SplitName, dropped: Dropped) -> ImportedImage:
    """An image with the outlines of its text: in `labels` beside the last folder `images`, or beside it."""
    size_hw = base.size_of_imported_image(image)
    *folders, name = image.with_suffix(".txt").parts
    if "images" in folders:
        folders[len(folders) - 1 - folders[::-1].index("images")] = "labels"
    labels = Path(*folders, name)
    dropped["image without a file of labels (kept as empty)"] += not labels.is_file()
    return ImportedImage(image, size_hw, _yolo_objects(labels, size_hw, names, dropped), split)


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
