"""The page of recipes: `python -m tests.data.layouts.page > docs/learn/my-data-looks-like-this.md`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of_guess
from seg.engine.submissions import SubmissionForSpec
from seg.labels.task import classes_overlap
from seg.spec import load_ensemble
from tests.data.layouts.replicas import READ_IN_PLACE, labels_of

INTRODUCTION: Final = """\
# My data looks like this

`seg data guess FOLDER` looks at a folder, tells its layout and prints the dataset YAML for it, with what
it is unsure of as comments. `-o dataset.yaml` writes it. Below is what it prints for folders like those
of public datasets and annotation tools. Compare yours with the trees, and correct the YAML where it is
not what you want: [data](../how-to/data.md) describes every form of pairing and of labels,
[submissions](../how-to/submissions.md) of the contest's CSV.

Labels of annotation tools (labelme, Label Studio, CVAT's XML, VGG Image Annotator, YOLO outlines,
Supervisely, GeoJSON, Hugging Face) are [imported](../how-to/importing.md) first; `seg data guess` prints
the command. Finished models need no labels: see [finished models in Python](python.md).

This page is written by `python -m tests.data.layouts.page` from folders that the tests draw, and a test
compares it.
"""
_MOST_FILES: Final = 3
_WIDTH: Final = 70


def page() -> str:
    """The whole page, in Markdown."""
    parts = [INTRODUCTION]
    for replica in READ_IN_PLACE:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            replica.draw(folder)
            yaml = yaml_of_guess(guess_dataset(folder), folder)
            parts.append(f"## {replica.name}\n\n```text\n{tree(folder)}\n```\n\n```yaml\n{yaml}```\n")
            if replica.output:
                parts.append(
                    f"The contest's CSV, in an ensemble's YAML, and its first lines:\n\n```yaml\noutput:"
                    f" {replica.output}\n```\n\n```text\n{first_lines(replica.output, yaml, folder)}\n```\n"
                )
    return "\n".join(parts)


def first_lines(output: str, dataset: str, folder: Path) -> str:
    """The first lines of a submission of drawn label maps, cut off."""
    (folder / "dataset.yaml").write_text(dataset)
    spec = f"data: dataset.yaml\nmembers: [{{ name: a }}]\noutput: {output}\n"
    (folder / "spec.yaml").write_text(spec)
    known = SubmissionForSpec(load_ensemble(folder / "spec.yaml"))
    count = len(known.classes)
    overlaps = classes_overlap(known.split.task)
    drawn = labels_of(0, [0, *(1 << n for n in range(count))] if overlaps else range(count))
    known.form().write(folder / "submission.csv", [(sample.id, drawn) for sample in known.split.samples])
    lines = (folder / "submission.csv").read_text().splitlines()[:_MOST_FILES]
    return "\n".join(f"{line[:_WIDTH]} ..." if len(line) > _WIDTH else line for line in lines)


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
