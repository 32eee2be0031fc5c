"""The page of recipes: `python -m tests.data.layouts.page > docs/how-to/my-data-looks-like-this.md`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of
from tests.data.layouts.replicas import READ_IN_PLACE

INTRODUCTION: Final = """\
# My data looks like this

`seg data guess FOLDER` looks at a folder, tells its layout and prints the dataset YAML for it, with what it
is unsure of as comments. `-o dataset.yaml` writes it. Below is what it prints for folders like those of
public datasets and annotation tools. Compare yours with the trees, and correct the YAML where it is not
what you want: [data](data.md) describes every form of pairing and of labels.

Labels of annotation tools (labelme, Label Studio, CVAT's XML, YOLO outlines, Supervisely, GeoJSON, Hugging
Face) are imported first; `seg data guess` prints the command.

This page is written by `python -m tests.data.layouts.page` from folders that the tests draw, and a test
compares it.
"""
_MOST_FILES: Final = 3


def page() -> str:
    """The whole page, in Markdown."""
    parts = [INTRODUCTION]
    for replica in READ_IN_PLACE:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            replica.draw(folder)
            yaml = yaml_of(guess_dataset(folder), folder)
            parts.append(f"## {replica.name}\n\n```text\n{tree(folder)}\n```\n\n```yaml\n{yaml}```\n")
    return "\n".join(parts)


def tree(folder: Path) -> str:
    """The folders and some files of each."""
    return "\n".join(_lines(folder, ""))


def _lines(folder: Path, indent: str) -> Iterator[str]:
    entries = sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name))
    files = [path for path in entries if path.is_file()]
    yield from (f"{indent}{path.name}" for path in files[:_MOST_FILES])
    if len(files) > _MOST_FILES:
        yield f"{indent}..."
    for inner in entries[len(files) :]:
        chain = inner
        while len(inside := list(chain.iterdir())) == 1 and inside[0].is_dir():
            chain = inside[0]
        yield f"{indent}{os.path.relpath(chain, folder)}/"
        yield from _lines(chain, f"{indent}    ")


if __name__ == "__main__":
    sys.stdout.write(page())
