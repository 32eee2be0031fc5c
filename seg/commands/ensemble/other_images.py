"""A spec with other images than its own, or another output, as a command's options say."""

import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seg.errors import DataError, SpecError

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec
    from seg.spec.ensemble.output import Format

STDIN = "-"


@contextmanager
def with_other_images(spec: "EnsembleSpec", images: str | Sequence[str] | None) -> "Iterator[EnsembleSpec]":
    """The spec with other images: a folder, a pattern, a list, `-` for paths on stdin; or paths."""
    from seg.spec.dataset.split import SplitSpec

    if images is None:
        yield spec
        return
    if images == "":
        raise SpecError("--images: is empty: name a folder, a pattern or a list")
    with tempfile.TemporaryDirectory(prefix="seg-") as folder:
        if images == STDIN:
            where = _write_image_list(_image_paths_on_stdin(), Path(folder) / "stdin.txt")
        elif isinstance(images, str):
            where = Path(images).absolute()
        else:
            where = _write_image_list(images, Path(folder) / "images.txt")
        data = spec.data.model_copy(update={"predict": SplitSpec(images=(where,))})
        yield spec.model_copy(update={"data": data})


def with_other_output(
    spec: "EnsembleSpec", name: str | None, format_: str | None, *, by_name: bool
) -> "EnsembleSpec":
    """The spec with another output, or another format.

    Args:
        by_name: the format follows from the output's name, where it is not given; else the spec says it.

    Raises:
        SpecError: there is no such format, or a folder is named for a format that is a file.
    """
    from seg.engine.submissions.formats import parse_submission_format
    from seg.spec.ensemble.output import FOLDER_FORMATS, OutputSpec, format_of_name, suffix_of_format
    from seg.spec.yaml.source import validate_values

    if name is None and format_ is None:
        return spec
    if name == "":
        raise SpecError("--output: is empty: name a file or a folder")
    form = spec.output.format if format_ is None else parse_submission_format(format_)
    if by_name and name and format_ is None:
        try:
            form = format_of_name(name)
        except ValueError as error:
            raise SpecError(f"--output {error}, or name it with --format") from error
    if name and name.endswith("/") and form not in FOLDER_FORMATS:
        raise SpecError(
            f"--output {name}: is a folder, and format {form} a file: name a file, or add --format png"
        )
    if name and not format_:
        _refuse_ending_of_other_format(name, form)
    file = Path(name).absolute() if name else spec.output.file.with_suffix(suffix_of_format(form))
    output = validate_values(OutputSpec, spec.output.keys_in_format(form) | {"file": file})
    return spec.model_copy(update={"output": output})


def _refuse_ending_of_other_format(name: str, form: "Format") -> None:
    """Raise SpecError if a file's name ends as another format than the spec's does."""
    from seg.spec.ensemble.output import format_of_name, suffix_of_format

    try:
        ending = format_of_name(name)
    except ValueError:
        return
    if Path(name).suffix and suffix_of_format(ending) != suffix_of_format(form):
        raise SpecError(
            f"--output {name}: is {form} by the spec, and ends as {ending}: add --format {ending}"
        )


def _image_paths_on_stdin() -> list[str]:
    paths = [line.strip() for line in sys.stdin if line.strip()]
    if not paths:
        raise DataError("--images -: no path came on stdin: write one a line")
    return paths


def _write_image_list(paths: Sequence[str], listed: Path) -> Path:
    with listed.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([str(Path(path).absolute())] for path in paths)
    return listed
