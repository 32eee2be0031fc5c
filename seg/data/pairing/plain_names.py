"""Names that differ only in letter case, the Unicode form of letters, or leading zeros of numbers."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

_LEADING_ZEROS: Final = re.compile(r"(?<!\d)0+(?=\d)")


def plain_name(name: str) -> str:
    """A name in which such differences are gone.

    Example:
        >>> plain_name("IMG_0012.PNG")
        'img_12.png'
    """
    return _LEADING_ZEROS.sub("", unicodedata.normalize("NFC", name).casefold())


class FilesByPlainName:
    """Finds a file by a name that is its own but for such differences, among files that are not `taken`.

    Each folder is listed once.
    """

    def __init__(self, taken: Collection[Path]) -> None:
        self._taken = taken
        self._in_folder: dict[Path, Mapping[str, list[Path]]] = {}

    def find(self, path: Path) -> Path | None:
        """The file itself, or the only one in its folder of nearly its name; None if there is none."""
        alike = self._files_in(path.parent).get(plain_name(path.name), [])
        if path in alike:
            return path
        free = [one for one in alike if one not in self._taken]
        return free[0] if len(free) == 1 else None

    def _files_in(self, folder: Path) -> Mapping[str, list[Path]]:
        if folder not in self._in_folder:
            by_name: dict[str, list[Path]] = defaultdict(list)
            for path in folder.iterdir() if folder.is_dir() else ():
                by_name[plain_name(path.name)].append(path)
            self._in_folder[folder] = by_name
        return self._in_folder[folder]
