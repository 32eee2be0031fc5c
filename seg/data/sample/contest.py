"""Writing the built-in contest: surfaces with defects that overlap, judged by tables of run lengths.

train/, val/, test/       the images
train.csv, val.csv        ImageId,ClassId,EncodedPixels: a row for each class that an image shows
sample_submission.csv     a row for each class of each image of the test
held_out.csv              the same rows with the true run lengths, to judge a submission
dataset.yaml
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.images.images import write_image
from seg.data.regions.run_mask import Order
from seg.data.sample.surface import DEFECTS, draw_surface
from seg.data.sample.write import new_sample_folder
from seg.data.tables.run_lengths import encode_run_lengths
from seg.files.atomic import write_text
from seg.labels.task import Task
from seg.terminal.progress import Advance, progress

PRESENT: Final = 0.2
"""The share of the images that show a class; the other masks are empty."""

_REVISION: Final = 1
_ORDER: Final[Order] = "columns"
_FIRST: Final = 1
_PRESENCE: Final = 100
"""Distinguishes the random numbers of presence from those of images."""

_YAML: Final = """\
# The built-in contest: drawn surfaces with defects that overlap. Written by `seg data sample --task {task}`.
# To judge by what is held out: predict: {{ images: test, labels: held_out.csv }}
task: {task}
train: {{ images: train, labels: train.csv }}
val: {{ images: val, labels: val.csv }}
predict: {{ images: test }}
classes:
{classes}
"""

_Row = tuple[str, int, str]
"""An image, the id of a class, and its run lengths."""


def write_sample_contest(
    folder: Path,
    task: Task,
    *,
    train: int = 320,
    val: int = 160,
    predict: int = 160,
    size_hw: tuple[int, int] = (128, 160),
    seed: int = 0,
) -> bool:
    """Write the contest to a new folder; the same arguments give the same bytes.

    Each class is in a fifth of the images, so 80% of the masks are empty. `multilabel` has all four classes.
    `binary` has the same images, and `stain` alone.

    Returns:
        Whether anything was written: False if the folder already holds this contest.

    Raises:
        OutputError: the folder holds something else.
    """
    names = list(DEFECTS) if task == "multilabel" else list(DEFECTS)[:1]
    counts = {"train": train, "val": val, "test": predict}
    settings = {
        "revision": _REVISION,
        "task": task,
        "images": list(counts.values()),
        "size_hw": list(size_hw),
        "seed": seed,
    }

    with new_sample_folder(folder, settings) as unfinished:
        if unfinished is None:
            return False
        with progress("data sample", sum(counts.values()), unit="images") as advance:
            for number, (split, count) in enumerate(counts.items()):
                rows = list(
                    _draw_contest_images(
                        unfinished, split, count, len(names), size_hw, (seed, number), advance
                    )
                )
                _write_contest_tables(unfinished, split, rows)
        classes = "\n".join(f"  - {{ name: {name}, id: {label + 1} }}" for label, name in enumerate(names))
        write_text(unfinished / "dataset.yaml", _YAML.format(task=task, classes=classes))
    return True


def _draw_contest_images(
    folder: Path,
    split: str,
    count: int,
    classes: int,
    size_hw: tuple[int, int],
    seed: tuple[int, int],
    advance: Advance,
) -> Iterator[_Row]:
    """Write the images of a split; a row for each class of each."""
    present_nc = _draw_defect_presence(count, np.random.default_rng([*seed, _PRESENCE]))
    for number, present in enumerate(present_nc.tolist(), start=1):
        name = f"{split}_{number:04}.jpg"
        image_hwc, masks_chw = draw_surface(size_hw, present, np.random.default_rng([*seed, number]))
        write_image(folder / split / name, image_hwc)
        for label in range(classes):
            yield name, label + 1, encode_run_lengths(masks_chw[label], _ORDER, _FIRST)
        advance()


def _draw_defect_presence(images: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which classes each image shows, bool `[N, C]`: each class is in the same number of images."""
    shown = np.arange(images) < round(PRESENT * images)
    return np.stack([rng.permutation(shown) for _ in DEFECTS], axis=1)


def _write_contest_tables(folder: Path, split: str, rows: list[_Row]) -> None:
    """The labels of a split; of the test, the true rows and those of a sample submission."""
    if split != "test":
        _write_contest_table(folder / f"{split}.csv", [row for row in rows if row[-1]])
        return
    _write_contest_table(folder / "held_out.csv", rows)
    _write_contest_table(folder / "sample_submission.csv", [(image, number, "") for image, number, _ in rows])


def _write_contest_table(path: Path, rows: list[_Row]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ImageId", "ClassId", "EncodedPixels"))
    writer.writerows(rows)
    write_text(path, text.getvalue())
