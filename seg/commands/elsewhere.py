"""A spec on other images than its own, or with another output, as a command's options say."""

import csv
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seg.errors import DataError

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec

STDIN = "-"


@contextmanager
def elsewhere(spec: "EnsembleSpec", images: str | None, output: Path | None) -> "Iterator[EnsembleSpec]":
    """The spec with `images` (a folder, a pattern, a list, or `-` for paths on stdin) and `output`."""
    from seg.spec.dataset import SplitSpec

    if output is not None:
        moved = spec.output.model_copy(update={"file": output.absolute()})
        spec = spec.model_copy(update={"output": moved})
    with tempfile.TemporaryDirectory(prefix="seg-") as folder:
        if images is not None:
            where = _listed_on_stdin(Path(folder)) if images == STDIN else Path(images).absolute()
            data = spec.data.model_copy(update={"predict": SplitSpec(images=where)})
            spec = spec.model_copy(update={"data": data})
        yield spec


def _listed_on_stdin(folder: Path) -> Path:
    paths = [str(Path(line.strip()).absolute()) for line in sys.stdin if line.strip()]
    if not paths:
        raise DataError("--images -: no path came on stdin: write one a line")
    listed = folder / "stdin.txt"
    with listed.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([path] for path in paths)
    return listed
