"""Parts of broken annotations: JSON, points, small images."""

import base64
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from tests.hostile.case import Prepare, file

Named = Iterator[tuple[str, str, Prepare]]

BIG: Final = "9" * 5000

JSONS: Final[Mapping[str, str]] = {
    "nothing": "",
    "half": '{"shapes": [',
    "nested": "[" * 100_000,
    "a number": "7",
    "null": "null",
    "a list of null": "[null]",
    "a list of numbers": "[1, 2]",
    "an empty mapping": "{}",
    "a huge number": f'{{"shapes": [{BIG}]}}',
    "bytes": "\udcff",
}

POINTS: Final[Mapping[str, str]] = {
    "NaN": "[[NaN, NaN], [NaN, 1], [1, NaN]]",
    "infinity": "[[Infinity, 0], [0, 1], [1, 0]]",
    "far outside": "[[1e300, 0], [0, 1e300], [1, 0]]",
    "a huge whole number": f"[[{'9' * 400}, 0], [0, 1], [1, 0]]",
    "texts": '[["a", "b"], ["c", "d"]]',
    "null": "null",
    "numbers": "[1, 2, 3]",
    "none": "[]",
    "one": "[[1, 2]]",
    "a million": "[[1, 1]" + ", [5, 5]" * 300_000 + "]",
    "one axis": "[[1], [2], [3]]",
    "mappings": "[{}, {}, {}]",
}


def copied_image(place: str) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes((folder / "images/0.png").read_bytes())

    return prepare


def written(place: str, text: str) -> Prepare:
    return file(place, text.encode("utf-8", "surrogateescape"))


def png_bytes(size: tuple[int, int] = (18, 24)) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size).save(stream, "png")
    return stream.getvalue()


def png_text() -> str:
    return base64.b64encode(png_bytes()).decode()
