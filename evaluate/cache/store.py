"""Probabilities that were computed once, found again by content: model, runtime, way, view and image.

One file for each, `<model>-<runtime>[-<way>]/<view>/<image>.<code>.b2nd` under the user's cache folder,
upright, compressed without loss by Blosc2, after a line that names the format and a CRC-32. Those at the size
of the image are levels, uint8 `[C, H, W]`; low-resolution ones are logarithms, float16. What these are, and
how far off, says `seg.probability_codec`.

A file may lie there for months, and be damaged: the CRC is checked before Blosc2 reads it.
"""

import math
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seg.errors import OutputError
from seg.files import atomic_path, regular, write_text
from seg.labels import ProbabilitiesCHW
from seg.notices import notice
from seg.probability_codec import LevelsCHW, LogsCHW, to_levels, to_logs
from seg.spec.prediction import MergePlace, RuntimeName
from seg.views import ViewName

_SUFFIX: Final = ".b2nd"
_FORMAT: Final = b"seg pass 1\n"
_HEAD: Final = struct.Struct(f"<{len(_FORMAT)}sI")
_CODES: Final[dict[MergePlace, str]] = {"image": ".root", "decoder": ".log"}
_DIGITS: Final = 16
"""Of a SHA-256 in a file's name: 64 bits tell more files apart than a disk holds."""


class DamagedPassError(Exception):
    """A pass that is not in the cache as it was kept; it can be computed again."""


@dataclass(frozen=True, slots=True)
class PassKey:
    """What a pass depends on: the SHA-256 of the model file and of the image file, runtime and view.

    And whether it ends at the size of the image or with its decoder's cells, and in what tiles it was made.
    """

    model_sha256: str
    runtime: RuntimeName
    view: ViewName
    image_sha256: str
    place: MergePlace = "image"
    tile: str = ""

    @property
    def way(self) -> str:
        """How it was made, where it was not of the whole image and at its size."""
        return "-".join(filter(None, ("" if self.place == "image" else self.place, self.tile)))


@dataclass(frozen=True, slots=True)
class ShelfContent:
    """All that the cache holds of one model on a runtime in one way; `used` is in seconds since the epoch."""

    name: str
    files: int
    bytes: int
    used: float


class ProbabilityCache:
    """Reads and writes single passes; any number of processes may share a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def has(self, key: PassKey) -> bool:
        """Whether something was kept; only reading it tells whether it is whole."""
        return self._path(key).is_file()

    def put(self, key: PassKey, probabilities_chw: ProbabilitiesCHW) -> None:
        """Keep probabilities, float32 `[C, H, W]`, in the image's own orientation; raises OutputError."""
        import blosc2

        encode: Callable[[ProbabilitiesCHW], LevelsCHW | LogsCHW]
        encode = to_levels if key.place == "image" else to_logs
        kept_chw = encode(probabilities_chw)
        frame = blosc2.asarray(
            kept_chw,
            chunks=(1, *kept_chw.shape[1:]),
            cparams=blosc2.CParams(codec=blosc2.Codec.ZSTD, clevel=1, nthreads=1),
        ).to_cframe()
        with self._written(), atomic_path(_free(self._path(key))) as temporary:
            temporary.write_bytes(_HEAD.pack(_FORMAT, zlib.crc32(frame)) + frame)

    def get(self, key: PassKey) -> LevelsCHW:
        """What was kept of a pass at the size of the image; raises FileNotFoundError, DamagedPassError."""
        levels_chw: LevelsCHW = self._read(key)
        return levels_chw

    def get_cells(self, key: PassKey) -> LogsCHW:
        """The same of one that ends with its decoder's cells."""
        logs_chw: LogsCHW = self._read(key)
        return logs_chw

    def _read(self, key: PassKey) -> Any:
        import blosc2

        path = self._path(key)
        try:
            data = regular(path).read_bytes()
            name, checksum = _HEAD.unpack_from(data)
        except FileNotFoundError:
            raise
        except (OSError, struct.error) as error:
            raise DamagedPassError(f"{path}: is not a whole pass") from error
        frame = data[_HEAD.size :]
        if name != _FORMAT or zlib.crc32(frame) != checksum:
            raise DamagedPassError(f"{path}: is not a pass as it was kept")
        kept_chw = blosc2.ndarray_from_cframe(frame)[:]
        os.utime(path)
        return kept_chw

    def speed(self, model_sha256: str, runtime: RuntimeName, way: str = "") -> float | None:
        """Milliseconds that a pass of the model took, in that way, when it was noted, or None."""
        path = self._speed_file(model_sha256, runtime, way)
        try:
            milliseconds = float(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            milliseconds = math.nan
        if 0 < milliseconds < math.inf:
            return milliseconds
        notice(f"{path}: is no time that a pass can take: it is measured again")
        return None

    def note_speed(self, model_sha256: str, runtime: RuntimeName, milliseconds: float, way: str = "") -> None:
        with self._written():
            write_text(_free(self._speed_file(model_sha256, runtime, way)), f"{milliseconds:.3f}\n")

    def shelves(self) -> list[ShelfContent]:
        """What is kept, the least recently used first."""
        found = [_content(folder) for folder in sorted(self.folder.glob("*-*")) if folder.is_dir()]
        return sorted((shelf for shelf in found if shelf.files), key=lambda shelf: shelf.used)

    def prune(self, most_bytes: int) -> int:
        """Remove what was not used for longest until at most so many bytes are left; returns bytes freed."""
        files = sorted(
            ((path.stat(), path) for path in _files(self.folder)), key=lambda entry: entry[0].st_mtime
        )
        excess = sum(stat.st_size for stat, _ in files) - most_bytes
        freed = 0
        for stat, path in files:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += stat.st_size
        return freed

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Raises OutputError where the folder cannot be written."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.folder}: the cache of probabilities cannot be written: {error.strerror}: name a"
                " folder for caches that can, by XDG_CACHE_HOME"
            ) from error

    def _path(self, key: PassKey) -> Path:
        shelf = self._shelf(key.model_sha256, key.runtime, key.way)
        return shelf / key.view / f"{key.image_sha256[:_DIGITS]}{_CODES[key.place]}{_SUFFIX}"

    def _speed_file(self, model_sha256: str, runtime: RuntimeName, way: str) -> Path:
        return self._shelf(model_sha256, runtime, way) / "milliseconds"

    def _shelf(self, model_sha256: str, runtime: RuntimeName, way: str) -> Path:
        return self.folder / "-".join(filter(None, (model_sha256[:_DIGITS], runtime, way)))


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/seg/probabilities`, or the same under `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "probabilities"


def _free(path: Path) -> Path:
    """The path, with nothing there but a file: a folder in its place is none of this cache."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    return path


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob(f"*{_SUFFIX}") if path.is_file())


def _content(folder: Path) -> ShelfContent:
    stats = [path.stat() for path in _files(folder)]
    return ShelfContent(
        name=folder.name,
        files=len(stats),
        bytes=sum(stat.st_size for stat in stats),
        used=max((stat.st_mtime for stat in stats), default=0.0),
    )
