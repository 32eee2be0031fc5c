"""Folders that `seg data guess` looks into."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, Prepare, both, file
from tests.hostile.labels.dataset import copied_folder
from tests.hostile.labels.mask_files import MASKS
from tests.hostile.labels.tables import CLASS_FILES, TABLES


def _deep(folder: Path) -> None:
    place = folder / "g"
    for _ in range(300):
        place = place / "deeper"
    place.mkdir(parents=True)
    (place / "0.png").write_bytes((folder / "images/0.png").read_bytes())


def _many(folder: Path) -> None:
    for number in range(20_000):
        (folder / f"g/masks/many{number}.txt").touch()


def _name_of_lines(folder: Path) -> None:
    (folder / "g/images/0.png").rename(folder / "g/images/a\nb: [.png")


def _link(of: str) -> Prepare:
    return lambda folder: (folder / "g/images/link").symlink_to(of)


FOLDERS: Final[Mapping[str, Prepare]] = {
    "deep folders": _deep,
    "20,000 files": _many,
    "a link to itself": _link("link"),
    "a link to above": _link(".."),
    "a link to all": _link("/"),
    "a pipe": lambda folder: os.mkfifo(folder / "g/images/9.png"),
    "a pipe of masks": lambda folder: os.mkfifo(folder / "g/masks/9.png"),
    "a pipe as table": lambda folder: os.mkfifo(folder / "g/train.csv"),
    "a pipe as JSON": lambda folder: os.mkfifo(folder / "g/annotations.json"),
    "a link to zeros": lambda folder: (folder / "g/train.csv").symlink_to("/dev/zero"),
    "zeros as an image": lambda folder: (folder / "g/images/9.png").symlink_to("/dev/zero"),
    "a folder named as an image": lambda folder: (folder / "g/images/9.png").mkdir(),
    "nested JSON": file("g/annotations.json", "[" * 100_000),
    "names that are no UTF-8": lambda folder: Path(
        os.fsdecode(os.fsencode(folder) + b"/g/images/\xff.png")
    ).touch(),
    "a name with lines": _name_of_lines,
}


def cases() -> Iterator[Case]:
    guess = ("data", "guess", "g")
    for name, (suffix, content) in MASKS.items():
        made = both(copied_folder("g/images"), *(file(f"g/masks/{n}{suffix}", content) for n in range(8)))
        yield Case(f"guess masks: {name}", guess, made, expected="either", writes="")
    for name, content in TABLES.items():
        made = both(copied_folder("g/images"), file("g/train.csv", content))
        yield Case(f"guess table: {name}", guess, made, expected="either", writes="")
    for name, (place, content) in CLASS_FILES.items():
        made = both(copied_folder("g/images"), copied_folder("g/masks", "masks"), file(f"g/{place}", content))
        yield Case(f"guess {place}: {name}", guess, made, expected="either", writes="")
    for name, put in FOLDERS.items():
        yield Case(
            f"guess: {name}",
            guess,
            both(copied_folder("g/images"), copied_folder("g/masks", "masks"), put),
            expected="either",
            writes="",
            seconds=30,
        )
