"""The store of cached probabilities, addressed by content: model, runtime, variant, view and image.

Each pass has a file `<model>-<runtime>[-<variant>]/<view>/<image>.root.b2nd` under the user's cache folder.
It has a line that names the format, a CRC-32, and probabilities in the image's orientation, compressed
losslessly by Blosc2: levels, uint8 `[C, H, W]`, which `seg.labels.probability_codec` describes.

Files may be months old and damaged, so the CRC is checked before Blosc2 reads them.
"""

import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seg.errors import OutputError
from seg.files.atomic import atomic_path, regular_file, write_text
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.probability_codec import LevelsCHW, probabilities_to_levels
from seg.spec.ensemble.prediction import MergePlace
from seg.terminal.notices import notice
from seg.views import ViewName

_SUFFIX: Final = ".b2nd"
_FORMAT: Final = b"seg pass 1\n"
_HEAD: Final = struct.Struct(f"<{len(_FORMAT)}sI")
_CODE: Final = ".root"
_DIGITS: Final = 16
"""Digits of a SHA-256 in a file's name: 64 bits are enough for more files than a disk holds."""


class DamagedPassError(Exception):
    """A damaged pass in the cache; it can be computed again."""


@dataclass(frozen=True, slots=True)
class PassKey:
    """What a pass depends on: the SHA-256 of the model file and of the image file, runtime and view.

    Also whether it is at the size of the image or low-resolution, and its tiling.
    """

    model_sha256: str
    runtime: str
    view: ViewName
    image_sha256: str
    place: MergePlace = "image"
    tile: str = ""

    @property
    def variant(self) -> str:
        """The name of its resolution and tiling; empty for the whole image at its own size."""
        return "-".join(filter(None, ("" if self.place == "image" else self.place, self.tile)))


@dataclass(frozen=True, slots=True)
class ModelContent:
    """The cached files of one model on one runtime and variant; `used` is in seconds since the epoch."""

    name: str
    files: int
    bytes: int
    used: float


class ProbabilityCache:
    """Reads and writes single passes; many processes may share a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_cache_folder()

    def has(self, key: PassKey) -> bool:
        """Whether there is a file; only reading it tells whether it is intact."""
        return self._path(key).is_file()

    def put(self, key: PassKey, probabilities_chw: ProbabilitiesCHW) -> None:
        """Store probabilities, float32 `[C, H, W]`, in the image's orientation; raises OutputError."""
        import blosc2

        stored_chw = probabilities_to_levels(probabilities_chw)
        frame = blosc2.asarray(
            stored_chw,
            chunks=(1, *stored_chw.shape[1:]),
            cparams=blosc2.CParams(codec=blosc2.Codec.ZSTD, clevel=1, nthreads=1),
        ).to_cframe()
        path = _clear_cache_path(self._path(key))
        with self._errors_named(), atomic_path(path, is_one_of_many=True) as temporary:
            temporary.write_bytes(_HEAD.pack(_FORMAT, zlib.crc32(frame)) + frame)

    def get(self, key: PassKey) -> LevelsCHW:
        """The levels of a pass; raises FileNotFoundError, DamagedPassError."""
        import blosc2

        path = self._path(key)
        try:
            data = regular_file(path).read_bytes()
            name, checksum = _HEAD.unpack_from(data)
        except FileNotFoundError:
            raise
        except (OSError, struct.error) as error:
            raise DamagedPassError(f"{path}: is a truncated pass") from error
        frame = data[_HEAD.size :]
        if name != _FORMAT or zlib.crc32(frame) != checksum:
            raise DamagedPassError(f"{path}: is a damaged pass")
        levels_chw: LevelsCHW = blosc2.ndarray_from_cframe(frame)[:]
        os.utime(path)
        return levels_chw

    def stored_speed(self, model_sha256: str, runtime: str, variant: str = "") -> float | None:
        """The stored milliseconds a pass of the model, or None."""
        path = self._speed_file(model_sha256, runtime, variant)
        try:
            milliseconds = float(regular_file(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            milliseconds = math.nan
        if 0 < milliseconds < math.inf:
            return milliseconds
        notice(f"{path}: is not a valid time: it is measured again")
        return None

    def store_speed(self, model_sha256: str, runtime: str, milliseconds: float, variant: str = "") -> None:
        with self._errors_named():
            write_text(
                _clear_cache_path(self._speed_file(model_sha256, runtime, variant)), f"{milliseconds:.3f}\n"
            )

    def contents_by_model(self) -> list[ModelContent]:
        """The contents of the cache by model, the least recently used first."""
        found = [
            _content_of_model_folder(folder) for folder in sorted(self.folder.glob("*-*")) if folder.is_dir()
        ]
        return sorted((folder for folder in found if folder.files), key=lambda folder: folder.used)

    def prune(self, max_bytes: int) -> int:
        """Remove the least recently used files until at most `max_bytes` are left; returns bytes freed."""
        files = sorted(
            ((path.stat(), path) for path in _cached_files(self.folder)), key=lambda entry: entry[0].st_mtime
        )
        excess = sum(stat.st_size for stat, _ in files) - max_bytes
        freed = 0
        for stat, path in files:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += stat.st_size
        return freed

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Raises OutputError if the folder cannot be written."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.folder}: the cache of probabilities cannot be written: {error.strerror}: set"
                " XDG_CACHE_HOME to a folder that can be written"
            ) from error

    def _path(self, key: PassKey) -> Path:
        folder = self._model_folder(key.model_sha256, key.runtime, key.variant)
        return folder / key.view / f"{key.image_sha256[:_DIGITS]}{_CODE}{_SUFFIX}"

    def _speed_file(self, model_sha256: str, runtime: str, variant: str) -> Path:
        return self._model_folder(model_sha256, runtime, variant) / "milliseconds"

    def _model_folder(self, model_sha256: str, runtime: str, variant: str) -> Path:
        return self.folder / "-".join(filter(None, (model_sha256[:_DIGITS], runtime, variant)))


def default_cache_folder() -> Path:
    """`$XDG_CACHE_HOME/seg/probabilities`, or the same under `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "probabilities"


def _clear_cache_path(path: Path) -> Path:
    """The path of a file of this cache, after removing what is no file, such as a folder, in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif not path.is_file():
        path.unlink(missing_ok=True)
    return path


def _cached_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob(f"*{_SUFFIX}") if path.is_file())


def _content_of_model_folder(folder: Path) -> ModelContent:
    stats = [path.stat() for path in _cached_files(folder)]
    return ModelContent(
        name=folder.name,
        files=len(stats),
        bytes=sum(stat.st_size for stat in stats),
        used=max((stat.st_mtime for stat in stats), default=0.0),
    )
