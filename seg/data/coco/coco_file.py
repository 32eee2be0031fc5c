"""Parse and validate a COCO JSON: the parts of it that label maps need.

Source: the COCO data format, https://cocodataset.org/#format-data.
"""

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json

from seg.data.images.image_files import bytes_of_file
from seg.errors import DataError
from seg.labels.label_map import MAX_CLASSES
from seg.spec.dataset.class_entry import ClassId

Side = Annotated[int, Field(ge=1, le=65536)]


class _CocoModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class CocoImage(_CocoModel):
    """An entry of `images`; `height` and `width` are those of its label map."""

    id: int
    file_name: str
    height: Side
    width: Side


class CocoCategory(_CocoModel):
    """An entry of `categories`: a class by its name, and the id that annotations give it."""

    id: ClassId
    name: str


class CocoRle(_CocoModel):
    """Run lengths, column-major, zeros first: a list of counts, or COCO's compressed text."""

    size: tuple[int, int]
    counts: str | list[int]


def _no_polygon_for_null(value: Any) -> Any:
    return [] if value is None else value


Segmentation = Annotated[list[list[float]] | CocoRle, BeforeValidator(_no_polygon_for_null)]
"""Polygons or run lengths; no polygon where an object has no outline."""


class CocoAnnotation(_CocoModel):
    """An entry of `annotations`: one object, as polygons or run lengths."""

    id: int
    image_id: int
    category_id: int
    segmentation: Segmentation = []


class CocoFile(_CocoModel):
    """The parts of a COCO JSON that label maps need."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation] = []
    categories: list[CocoCategory] = []


class _CocoCategories(_CocoModel):
    categories: list[CocoCategory]


@dataclass(frozen=True, slots=True)
class CocoMistake:
    """An entry of `images`, `annotations` or `categories` that is not COCO; its `id` may be missing."""

    part: str
    index: int
    id: Any
    problem: str

    @property
    def place(self) -> str:
        """`annotation 17`, or `annotations.3` where there is no id to name it by."""
        return f"{self.part}.{self.index}" if self.id is None else f"{_SINGULAR[self.part]} {self.id}"


_Document = TypeVar("_Document", bound=_CocoModel)


def read_coco(path: Path) -> CocoFile:
    """Parse a COCO JSON.

    Raises:
        DataError: the file cannot be read, is not JSON, or has an entry that violates the format.
    """
    return _read_coco_document(CocoFile, path)


def read_valid_coco_entries(path: Path) -> tuple[CocoFile, list[CocoMistake]]:
    """Parse the valid entries of a COCO JSON, and describe the problems of the others.

    Raises:
        DataError: the file cannot be read, or is not a COCO JSON at all.
    """
    data = _bytes_of_json(path)
    try:
        return CocoFile.model_validate_json(data), []
    except ValidationError as error:
        _refuse_other_than_coco(path, error)
        document = from_json(data)
        mistakes = _coco_mistakes(document, error.errors())
    wrong = {(mistake.part, mistake.index) for mistake in mistakes}
    right = {
        part: [entry for index, entry in enumerate(document[part]) if (part, index) not in wrong]
        for part in _SINGULAR.keys() & document.keys()
    }
    return CocoFile.model_validate(right), mistakes


def read_coco_categories(path: Path) -> list[CocoCategory]:
    """Parse only the categories of a COCO JSON, which is much faster; raises as `read_coco`."""
    return _read_coco_document(_CocoCategories, path).categories


def repeated_ids_and_names(
    categories: Sequence[CocoCategory], images: Sequence[CocoImage] = ()
) -> Iterator[str]:
    """Ambiguities: a line for each id or name that is used more than once, or for too many categories."""
    for what, values in (
        ("image id", [image.id for image in images]),
        ("file name", [image.file_name for image in images]),
        ("category id", [category.id for category in categories]),
        ("category name", [category.name for category in categories]),
    ):
        for value, count in Counter[int | str](values).items():
            if count > 1:
                yield f"{what} {value!r} is used {count} times"
    if len(categories) >= MAX_CLASSES:
        yield f"there are {len(categories)} categories, a label map holds fewer than {MAX_CLASSES}"


def _read_coco_document(model: type[_Document], path: Path) -> _Document:
    data = _bytes_of_json(path)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        _refuse_other_than_coco(path, error)
        first = _coco_mistakes(from_json(data), error.errors()[:1])[0]
        raise DataError(f"{path}: {first.place}: {first.problem}") from error


def _bytes_of_json(path: Path) -> bytes:
    return bytes_of_file(path).removeprefix(codecs.BOM_UTF8)


def _refuse_other_than_coco(path: Path, error: ValidationError) -> None:
    """Raise DataError if the problem is not limited to single entries."""
    for one in error.errors():
        if one["type"] == "json_invalid":
            raise DataError(f"{path}: is not JSON: {one['ctx']['error']}") from error
        if len(one["loc"]) < _LEADS_TO_AN_ENTRY:
            place = ".".join(map(str, one["loc"])) or "the file"
            raise DataError(f"{path}: {place}: {one['msg']}") from error


def _coco_mistakes(document: Any, errors: Sequence[ErrorDetails]) -> list[CocoMistake]:
    """The first mistake of each entry."""
    found: dict[tuple[str, int], CocoMistake] = {}
    for error in errors:
        part, index = str(error["loc"][0]), int(error["loc"][1])
        entry = document[part][index]
        found.setdefault(
            (part, index),
            CocoMistake(
                part,
                index,
                id=entry.get("id") if isinstance(entry, dict) else None,
                problem=_problem_of_field(error["loc"][2:], error["msg"]),
            ),
        )
    return list(found.values())


_SINGULAR = {"images": "image", "annotations": "annotation", "categories": "category"}
_LEADS_TO_AN_ENTRY = 2
"""The length of a location of an entry in the file, such as `annotations`, 3."""


def _problem_of_field(field: Sequence[str | int], message: str) -> str:
    if "segmentation" in field:
        return "segmentation: is neither polygons, [[x, y, x, y, ...], ...], nor run lengths"
    return ": ".join([*map(str, field[:1]), message])
