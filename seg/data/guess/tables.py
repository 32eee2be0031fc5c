"""Tables of run lengths: which images they are of, their classes, and the order of their pixels."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.deep.decode import header_of_deep
from seg.data.guess.held_out import guess_val
from seg.data.guess.result import ONE_CLASS_A_PIXEL, Guess
from seg.data.guess.survey import FolderSurvey, common_folder, paths_by_split
from seg.data.guess.table_ids import TableIdPattern, guess_table_id_pattern
from seg.data.images.image_files import bytes_of_file
from seg.data.pairing.lookup import ImageLookup
from seg.data.splits.split import samples_with_ids
from seg.data.splits.split_names import split_of_word
from seg.data.tables.run_lengths import decode_run_lengths
from seg.data.tables.table_rows import column_of_table, read_csv_lines
from seg.errors import DataError
from seg.spec.dataset.labels_table import LabelsTableSpec

RUNS = re.compile(r"\[?\d+,? \d+(,? \d+,? \d+)*\]?")
_TRIED = 10


def guess_tables(found: FolderSurvey) -> Guess | None:
    """A CSV with an image, perhaps a class, and runs in each row; None if there is none.

    A table and a folder may be of validation, by their names.
    """
    tables = [path for path in found.of_kind(".csv", ".tsv") if "sample" not in path.stem.lower()]
    of_val = [path for path in tables if split_of_word(path.stem) == "val"]
    images = paths_by_split(found.images, found.folder).get("val", [])
    val = _first_table_of_images(found.only([*images, *of_val]), of_val) if images else None
    rest = found.only(path for path in found.files if path not in {*images, *of_val})
    train = _first_table_of_images(rest, [path for path in tables if path not in of_val]) if val else None
    if val is None or train is None:
        return _first_table_of_images(found, tables)
    unsure = tuple(one for one in train.unsure if not one.startswith("val:"))
    return replace(train, dataset={**train.dataset, "val": val.dataset["train"]}, unsure=unsure)


def _first_table_of_images(found: FolderSurvey, tables: Iterable[Path]) -> Guess | None:
    """The guess by the first of the tables that is of images."""
    return next((guess for path in tables if (guess := _guess_table(found, path)) is not None), None)


def _guess_table(found: FolderSurvey, path: Path) -> Guess | None:
    table = _columns_of_runs(path)
    if table is None:
        return None
    images = paths_by_split(found.images, found.folder)
    test = images.pop("predict", [])
    train = [path for own in images.values() for path in own]
    pattern = _pattern_of_table(found.folder, train, list(dict.fromkeys(table.ids)), test)
    if pattern is None and not table.classes:
        table = table.with_classes_of_ids({name for image in train for name in (image.name, image.stem)})
        pattern = _pattern_of_table(found.folder, train, list(dict.fromkeys(table.ids)), test)
    if pattern is None:
        return None
    val, about_val = guess_val(train)
    unsure = [about_val]
    order = _order_of_runs(pattern.image_of(table.ids[table.example]), table.runs[table.example])
    labels: Any = path
    if order == "rows":
        labels = {"file": path, "order": "rows"}
        unsure.append("labels: 'order: rows', because objects hang together better so")
    keys: dict[str, Any] = {"images": pattern.images, "labels": labels}
    if pattern.id:
        keys["id"] = pattern.id
    dataset: dict[str, Any] = {"train": keys, "val": val}
    if test:
        dataset["predict"] = _test_images_of_table(test, pattern, found.folder)
    task = "multilabel" if len(set(table.classes)) > 1 else "binary"
    if task == "multilabel":
        unsure.append(f"task: each class has its own runs, so classes may overlap; {ONE_CLASS_A_PIXEL}")
    dataset |= {"task": task, "classes": _classes_of_table(table.classes, unsure)}
    return Guess("images and a table of run lengths", dataset, tuple(unsure))


@dataclass(frozen=True, slots=True)
class _TableOfRuns:
    """The ids, classes and runs of a table, by row; classes are empty if it has one class."""

    ids: Sequence[str]
    classes: Sequence[str]
    runs: Sequence[str]

    def with_classes_of_ids(self, images: Collection[str]) -> "_TableOfRuns":
        """The same, with the classes that follow the names of images in ids, as in `a.jpg_large_bowel`."""
        parts = [_split_behind_image(text, images) for text in self.ids]
        return replace(self, ids=[image for image, _ in parts], classes=[name for _, name in parts])

    @property
    def example(self) -> int:
        """The first row that has runs."""
        return next(place for place, runs in enumerate(self.runs) if RUNS.fullmatch(runs))


def _columns_of_runs(path: Path) -> _TableOfRuns | None:
    """The columns of a CSV; of one with a column for each class, a row for each; None if it has no runs."""
    spec = LabelsTableSpec(file=path)
    try:
        (_, header), *lines = read_csv_lines(path)
        image, runs, named = (column_of_table(spec, header, kind) for kind in ("id", "runs", "class"))
    except (DataError, ValueError):
        return None
    rows = [row for _, row in lines]
    if image is None:
        return None
    ids = [row[image] for row in rows]
    if runs is None:
        by_class = [
            column
            for column in range(len(header))
            if column != image and any(RUNS.fullmatch(row[column]) for row in rows)
        ]
        return (
            _TableOfRuns(
                [own for own in ids for _ in by_class],
                [header[column] for _ in rows for column in by_class],
                [row[column] for row in rows for column in by_class],
            )
            if by_class
            else None
        )
    if not any(RUNS.fullmatch(row[runs]) for row in rows):
        return None
    classes = [row[named] for row in rows] if named is not None else []
    return _TableOfRuns(ids, classes, [row[runs] for row in rows])


def _split_behind_image(text: str, images: Collection[str]) -> tuple[str, str]:
    """An id that begins with the name of an image, and what follows behind `_`; or else its last word."""
    words = text.split("_")
    cuts = ("_".join(words[:end]) for end in range(len(words) - 1, 0, -1))
    image = next((cut for cut in cuts if cut in images), text.rpartition("_")[0])
    return image, text.removeprefix(f"{image}_")


def _pattern_of_table(
    root: Path, images: Sequence[Path], ids: Sequence[str], others: Sequence[Path]
) -> TableIdPattern | None:
    """How the table's ids name the images: by their own names, or by a pattern of folders and names."""
    if not images:
        return None
    for own in paths_by_split(images, root).values():
        lookup = ImageLookup(samples_with_ids(root, own))
        some = ids[:_TRIED]
        if sum(lookup.find(text) is not None for text in some) * 2 > len(some):
            where = common_folder([own[place] for text in ids if (place := lookup.find(text)) is not None])
            return TableIdPattern(where, None, lookup, own)
    return guess_table_id_pattern(root, images, ids, others)


def _test_images_of_table(images: Sequence[Path], pattern: TableIdPattern, root: Path) -> dict[str, Any]:
    if pattern.id is None:
        return {"images": common_folder(images)}
    first = pattern.images.relative_to(root).parts[0]
    own = images[0].relative_to(root).parts[0]
    text = pattern.images.relative_to(root).as_posix().replace(first, own, 1)
    return {"images": root / text, "id": pattern.id}


def _classes_of_table(names: Sequence[str], unsure: list[str]) -> list[Any]:
    known = sorted(
        set(names), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
    if not known:
        unsure.append("classes: the table has one class: call it by its name")
        return ["foreground"]
    if all(name.isdigit() for name in known):
        unsure.append("classes: the table has numbers: call them by their names")
        return [{"name": f"class_{name}", "id": int(name)} for name in known]
    return list(known)


def _order_of_runs(image: Path | None, runs: str) -> Literal["columns", "rows"]:
    """The order in which an object has the shorter outline."""
    if image is None:
        return "columns"
    try:
        size_hw = header_of_deep(bytes_of_file(image))[0]
        by_columns, by_rows = (
            _outline_length(decode_run_lengths(runs, size_hw, way, 1)) for way in ("columns", "rows")
        )
    except (DataError, ValueError):
        return "columns"
    return "rows" if by_rows < by_columns else "columns"


def _outline_length(mask_hw: NDArray[np.bool_]) -> int:
    return int((mask_hw[1:] != mask_hw[:-1]).sum() + (mask_hw[:, 1:] != mask_hw[:, :-1]).sum())
