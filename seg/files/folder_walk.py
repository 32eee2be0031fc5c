"""The folders below a folder, also behind links, each once."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def walk_folders(
    folder: Path, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`: a folder, the names of its folders, which the caller may shorten, and those of its files.

    A link to a folder is followed, unless it leads to a folder that the walk comes to anyway, or that holds
    where it started, which would never end.
    """
    root = Path(os.path.realpath(folder))
    seen = {root}
    for where, folders, names in os.walk(folder, onerror=onerror, followlinks=True):
        folders[:] = [name for name in sorted(folders) if _is_new_folder(Path(where, name), root, seen)]
        yield Path(where), folders, names


def _is_new_folder(path: Path, root: Path, seen: set[Path]) -> bool:
    """Whether a folder is none that a link leads to and that is seen elsewhere; it counts as seen then."""
    if not path.is_symlink():
        return True
    target = Path(os.path.realpath(path))
    if target.is_relative_to(root) or root.is_relative_to(target) or target in seen:
        return False
    seen.add(target)
    return True
