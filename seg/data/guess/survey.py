"""The files of a folder, by kind and by split."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seg.data.pairing.find_masks import MASK_SUFFIXES
from seg.data.splits.split_names import split_of_path
from seg.errors import DataError
from seg.files.folder_walk import walk_folders
from seg.files.image_suffixes import IMAGE_SUFFIXES
from seg.spec.dataset.dataset import SplitName

MOST_FILES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """All files below a folder, sorted, without hidden ones, pipes and devices."""

    folder: Path
    files: tuple[Path, ...]

    def of_kind(self, *suffixes: str) -> list[Path]:
        return [path for path in self.files if path.suffix.lower() in suffixes]

    def only(self, files: Iterable[Path]) -> "FolderSurvey":
        """The same folder with some of its files."""
        return FolderSurvey(self.folder, tuple(sorted(files)))

    def named(self, *names: str) -> list[Path]:
        """Files of one of the names, in the order of the names, and those nearest to the folder first."""
        found = [path for path in self.files if path.name in names]
        return sorted(found, key=lambda path: (names.index(path.name), len(path.parts)))

    @property
    def pictures(self) -> list[Path]:
        """Files that may be images or masks."""
        return self.of_kind(*MASK_SUFFIXES)

    @property
    def images(self) -> list[Path]:
        return self.of_kind(*IMAGE_SUFFIXES)

    def inner(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def survey_folder(folder: Path) -> FolderSurvey:
    """Look at a folder.

    Raises:
        DataError: it is missing, or has no files.
    """
    if not folder.is_dir():
        problem = "is a file: name its folder" if folder.exists() else "there is no such folder"
        raise DataError(f"{folder}: {problem}")
    files: list[Path] = []
    for where, folders, names in walk_folders(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (where / name for name in sorted(names) if not name.startswith("."))
        files += [path for path in paths if path.is_file()]
        if len(files) > MOST_FILES:
            raise DataError(f"{folder}: has more than {MOST_FILES} files: name the folder of one dataset")
    if not files:
        raise DataError(f"{folder}: has no files")
    return FolderSurvey(folder, tuple(files))


def paths_by_split(paths: Sequence[Path], folder: Path) -> dict[SplitName | None, list[Path]]:
    """Paths by the split that their folders tell."""
    found: dict[SplitName | None, list[Path]] = defaultdict(list)
    for path in paths:
        found[split_of_path(path, folder)].append(path)
    return found


def common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all paths."""
    return Path(os.path.commonpath([path.parent for path in paths]))
