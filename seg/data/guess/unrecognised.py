"""Why a folder has no layout that is known, and what to do."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from seg.data.guess.annotations import json_or_none, text_at_start
from seg.data.guess.coco import COCO_KEYS, is_coco_of_objects, names_of_coco_images
from seg.data.guess.masks.roles import images_and_masks
from seg.data.guess.survey import FolderSurvey
from seg.data.guess.tables import RUNS
from seg.data.tables.column_names import known_column
from seg.data.tables.table_rows import read_csv_lines
from seg.errors import DataError

_KNOWN: Final = (
    "seg reads COCO JSONs, masks beside images or in a folder of their own, and tables of run lengths, and"
    " imports those of annotation tools"
)
_ARRAYS: Final = "save each image and each mask in a file of its own, as PNG or npy"
_VOLUMES: Final = f"{_ARRAYS}, one a slice"
_UNREAD: Final = {
    **dict.fromkeys((".nii", ".gz", ".mha", ".mhd", ".nrrd", ".mgz"), _VOLUMES),
    **dict.fromkeys((".npz", ".mat", ".h5", ".hdf5", ".zarr", ".pt", ".pkl", ".tfrecord", ".lmdb"), _ARRAYS),
    **dict.fromkeys((".zip", ".tar", ".7z", ".rar"), "unpack it"),
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv"), "save its frames as images"),
    ".shp": "save the outlines as a GeoJSON for each image",
}
_BOX: Final = re.compile(r"\d+( [\d.]+){4}")
_YOLO: Final = "boxes of YOLO, which have no outline: outline the objects"
_VOC: Final = "boxes of Pascal VOC, which have no outline: outline the objects"
_PANOPTIC: Final = "segments of COCO panoptic: name its PNGs as masks, or convert it with panopticapi"


def reason_unrecognised(found: FolderSurvey) -> str:
    """One line: a file, what it is, and the fix; or masks that do not pair; or what seg reads."""
    annotated = next(filter(None, (_kind_of_annotations(path) for path in found.files[:200])), None)
    if annotated is not None:
        path, kind = annotated
        return f"{found.inner(path)}: has {kind}"
    images, masks = images_and_masks(found.folder, found.pictures)
    if images and masks:
        return (
            f"images and masks do not pair by their names, such as {found.inner(images[0])} and"
            f" {found.inner(masks[0])}: rename the masks like their images, or write the YAML with a pattern:"
            " 'masks: masks/{stem}_mask.png'"
        )
    endings = Counter(path.suffix.lower() for path in found.files if path.suffix.lower() in _UNREAD)
    if endings:
        ending = max(endings, key=lambda one: endings[one])
        example = found.of_kind(ending)[0]
        return f"{found.inner(example)}: files of this kind are not read: {_UNREAD[ending]}"
    return f"no labels are recognised: {_KNOWN}"


def _kind_of_annotations(path: Path) -> tuple[Path, str] | None:
    """A file of annotations that seg cannot learn from, and what it has."""
    read = _READERS.get(path.suffix.lower()) if "sample" not in path.stem.lower() else None
    kind = read(path) if read else ""
    return (path, kind) if kind else None


def _kind_of_json(path: Path) -> str:
    document = json_or_none(path)
    if not isinstance(document, dict) or not document.keys() >= COCO_KEYS:
        return ""
    if not is_coco_of_objects(document):
        return _PANOPTIC if '"segments_info"' in text_at_start(path) else ""
    example = names_of_coco_images(document)[0]
    return f"images that are not here, such as {example!r}: move them below this folder"


def _kind_of_csv(path: Path) -> str:
    try:
        lines = list(islice(read_csv_lines(path), 2))
    except DataError:
        return ""
    header = lines[0][1] if lines else []
    if any(map(RUNS.fullmatch, header)):
        return "no header: write one above its rows, such as 'ImageId,EncodedPixels'"
    if known_column(header, "id") is None or (runs := known_column(header, "runs")) is None:
        return ""
    if len(lines) > 1 and RUNS.fullmatch(lines[1][1][runs]):
        return (
            "ids that name no image here: move the images below this folder, or write the YAML with an 'id'"
        )
    return f"a column {header[runs]!r} without run lengths, which are pairs of start and length"


def _kind_of_xml(path: Path) -> str:
    return _VOC if "<bndbox>" in text_at_start(path) else ""


def _kind_of_text(path: Path) -> str:
    lines = [line.strip() for line in text_at_start(path).splitlines() if line.strip()]
    return _YOLO if lines and all(map(_BOX.fullmatch, lines)) else ""


_READERS: Final[dict[str, Callable[[Path], str]]] = {
    ".json": _kind_of_json,
    ".csv": _kind_of_csv,
    ".tsv": _kind_of_csv,
    ".xml": _kind_of_xml,
    ".txt": _kind_of_text,
}
