"""Safe, unique file names for image ids, and back.

An id is a path below a folder. Characters that would lead out of the folder, or that file systems do not
allow, are percent-encoded as in a URL, so that the id can be recovered from the name:

    left/0001           left/0001.png
    /data/left/0001     %2F/data/left/0001.png
    ../0001             %2E%2E/0001.png
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from seg.errors import OutputError

LONGEST: Final = 255
"""Bytes in the name of a file or folder, on all usual file systems."""

_EMPTY: Final = "%2F"
"""Stands for an empty part between two slashes, or before the first."""

_HOSTILE: Final = re.compile(
    r"[\x00-\x1f\x7f\\\ud800-\udfff]"  # control characters, Windows' separator, bytes that are no text
    r"|%(?=[0-9A-Fa-f]{2})"  # what would be taken for an encoded character
    r"|^\.{1,2}$"  # this folder and the one above
    r"|(?<=^[A-Za-z]):"  # a drive
)
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(slots=True)
class FileNames:
    """File names with one suffix for the ids of one folder.

    Ids whose names differ only in case or Unicode normalisation are refused, because many file systems treat
    them as one file.
    """

    suffix: str
    _id_of: dict[str, str] = field(default_factory=dict)
    _in_folder: dict[str, str] = field(default_factory=dict)

    def name_of(self, image_id: str) -> str:
        """The file's path in the folder, with `/` between.

        Raises:
            OutputError: another id has this name, or a folder's, or the name is too long.
        """
        name = "/".join(map(_encode_name_part, image_id.split("/"))) + self.suffix
        if max(len(part.encode()) for part in name.split("/")) > LONGEST:
            raise OutputError(f"the image {image_id[:80]!r}...: its name is too long for a file: shorten it")
        folded = _case_folded_name(name)
        folders = [folded[:end] for end, letter in enumerate(folded) if letter == "/"]
        other = next(
            (
                found
                for found in (
                    self._id_of.get(folded),
                    self._in_folder.get(folded),
                    *map(self._id_of.get, folders),
                )
                if found is not None
            ),
            None,
        )
        if other == image_id:
            raise OutputError(f"the image {image_id!r} is there twice: it can be written once")
        if other is not None:
            raise OutputError(
                f"the images {other!r} and {image_id!r} would be written to one file, {name!r}: rename one"
            )
        self._id_of[folded] = image_id
        self._in_folder.update(dict.fromkeys(folders, image_id))
        return name


def check_file_names(image_ids: Iterable[str], suffix: str) -> None:
    """Raise OutputError if the files of two ids would collide."""
    names = FileNames(suffix)
    for image_id in image_ids:
        names.name_of(image_id)


def id_of_file_name(name: str) -> str:
    """The id of a file name without suffix; a name that is not encoded by us is the id itself."""
    try:
        found = "/".join(map(_decode_name_part, name.split("/")))
    except UnicodeError:
        return name
    return found if "/".join(map(_encode_name_part, found.split("/"))) == name else name


def _encode_name_part(part: str) -> str:
    if not part:
        return _EMPTY
    encoded = _HOSTILE.sub(lambda found: _percent_encode(found[0]), part)
    return _percent_encode(part[0]) + encoded[1:] if _DEVICE.fullmatch(part) else encoded


def _decode_name_part(part: str) -> str:
    return "" if part == _EMPTY else unquote_to_bytes(part).decode("utf-8", "surrogatepass")


def _percent_encode(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _case_folded_name(name: str) -> str:
    """A key that is equal for names that some file systems treat as one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
