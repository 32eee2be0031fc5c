"""The dataset of a case of `seg data check`."""

from pathlib import Path
from typing import Final

from tests.hostile.case import Prepare, file

CHECK: Final = ("data", "check", "d.yaml")


CLASSES: Final = "[ground, paper, glass, metal]"


def dataset(split: str, more: str = "") -> Prepare:
    text = split if split.startswith("{") else f"{{{split}}}"
    return file("d.yaml", f"train: {text}\nclasses: {CLASSES}\n{more}")


def copied_folder(to: str, of: str = "images") -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / to).mkdir(parents=True)
        for one in (folder / of).iterdir():
            (folder / to / one.name).write_bytes(one.read_bytes())

    return prepare
