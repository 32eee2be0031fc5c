"""The folder of a built-in dataset, written whole or not at all, and not twice."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from seg.errors import OutputError
from seg.files.atomic import atomic_folder, is_there, remove_leftovers, write_text

_STAMP: Final = "sample.json"


def write_new_folder(folder: Path, settings: Mapping[str, Any], write: Callable[[Path], None]) -> bool:
    """Let `write` fill a new folder, which notes the settings that determine its content.

    Returns:
        Whether anything was written: False if the folder was written with these settings before.

    Raises:
        OutputError: the folder holds something else.
    """
    stamp = json.dumps(settings) + "\n"
    if (folder / _STAMP).exists() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        return False
    if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: holds something else: remove it or name another folder")
    if folder.parent.is_dir():
        remove_leftovers(folder)
    with atomic_folder(folder) as unfinished:
        write(unfinished)
        write_text(unfinished / _STAMP, stamp)
    return True
