"""The columns of a contest's table by their names: ids of images, classes and run lengths."""

from collections.abc import Mapping, Sequence
from typing import Final

from seg.spec.dataset.labels_table import TableColumn

NAMES: Final[Mapping[TableColumn, tuple[str, ...]]] = {
    "id": (
        "imageid", "image", "img", "id", "imagename", "filename", "file", "name", "imageidclassid",
        "imagelabel", "idclass", "imageclass",
    ),
    "class": ("classid", "class", "label", "classname", "category", "categoryid", "labelid"),
    "runs": (
        "encodedpixels", "rle", "rlemask", "maskrle", "segmentation", "encoding", "annotation", "predicted",
        "mask", "runs", "runlengths", "prediction", "predictionstring",
    ),
}  # fmt: skip
"""Plain names of columns, the likelier first."""


def plain_column_name(name: str) -> str:
    """A name in small letters and without `_`, spaces and hyphens."""
    return "".join(filter(str.isalnum, name.lower()))


def known_column(header: Sequence[str], kind: TableColumn) -> int | None:
    """The position of the column that is known by its name; None if there is none."""
    plain = list(map(plain_column_name, header))
    return next((plain.index(name) for name in NAMES[kind] if name in plain), None)
