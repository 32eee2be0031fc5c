"""The parts of a COCO JSON that label maps need.

Source: the COCO data format, https://cocodataset.org/#format-data.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seg.data.image_files import bytes_of
from seg.errors import DataError
from seg.labels import MAX_CLASSES

Side = Annotated[int, Field(ge=1, le=65536)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class CocoImage(_Part):
    id: int
    file_name: str
    height: Side
    width: Side


class CocoCategory(_Part):
    id: int
    name: str


class CocoRle(_Part):
    """Run lengths, column-major, zeros first: a list of counts, or COCO's compressed text."""

    size: tuple[int, int]
    counts: str | list[int]


class CocoAnnotation(_Part):
    id: int
    image_id: int
    category_id: int
    segmentation: list[list[float]] | CocoRle = []


class CocoFile(_Part):
    images: list[CocoImage]
    annotations: list[CocoAnnotation] = []
    categories: list[CocoCategory] = []


class _Categories(_Part):
    categories: list[CocoCategory]


_Document = TypeVar("_Document", bound=_Part)


def read_coco(path: Path) -> CocoFile:
    """Parse a COCO JSON.

    Raises:
        DataError: the file cannot be read, is no JSON, or has a part that is not as COCO says.
    """
    return _read(CocoFile, path)


def read_categories(path: Path) -> list[CocoCategory]:
    """Parse only the categories of a COCO JSON, which is much faster; raises as `read_coco`."""
    return _read(_Categories, path).categories


def ambiguities(categories: Sequence[CocoCategory], images: Sequence[CocoImage] = ()) -> Iterator[str]:
    """Why labels could not be told from these parts: a line for each id or name that is not its own."""
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


def _read(model: type[_Document], path: Path) -> _Document:
    data = bytes_of(path)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise DataError(f"{path}: is not JSON: {first['ctx']['error']}") from error
        place = _place(json.loads(data), first["loc"])
        raise DataError(f"{path}: {place}: {_problem(first['loc'], first['msg'])}") from error


def _place(document: Any, loc: Sequence[str | int]) -> str:
    """`annotation 17: image_id`, or `annotations.3: id` where there is no id to name it by."""
    field = [str(part) for part in loc[2:3]]
    match loc:
        case (str(part), int(index), *_):
            entry = document[part][index]
            known = isinstance(entry, dict) and "id" in entry
            thing = f"{_SINGULAR[part]} {entry['id']}" if known else f"{part}.{index}"
            return ": ".join([thing, *field])
    return ".".join(map(str, loc)) or "the file"


_SINGULAR = {"images": "image", "annotations": "annotation", "categories": "category"}


def _problem(loc: Sequence[str | int], message: str) -> str:
    if "segmentation" in loc:
        return f"is neither polygons nor run lengths ({message})"
    return message
