"""Probabilities that were computed once, found again by content: model, runtime, way, view and image.

One file for each, `<model>-<runtime>[-<way>]/<view>/<image>.<code>.b2nd` under the user's cache folder,
upright, a chunk for each class, compressed without loss by Blosc2 and read through a memory map. Those at the
size of the image are levels, uint8 `[C, H, W]`; those of cells are logarithms, float16. What these are, and
how far off, say `seg.probability_codec` and `seg.probability_codec`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seg.files import atomic_path, write_text
from seg.labels import ProbabilitiesCHW
from seg.probability_codec import LevelsCHW, LogsCHW, to_levels, to_logs
from seg.spec.prediction import MergePlace, RuntimeName
from seg.views import ViewName

_SUFFIX: Final = ".b2nd"
_CODES: Final[dict[MergePlace, str]] = {"image": ".root", "decoder": ".log"}
_DIGITS: Final = 16
"""Of a SHA-256 in a file's name: 64 bits tell more files apart than a disk holds."""


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
        return self._path(key).exists()

    def put(self, key: PassKey, probabilities_chw: ProbabilitiesCHW) -> None:
        """Keep probabilities, float32 `[C, H, W]`, in the image's own orientation."""
        import blosc2

        encode: Callable[[ProbabilitiesCHW], LevelsCHW | LogsCHW]
        encode = to_levels if key.place == "image" else to_logs
        kept_chw = encode(probabilities_chw)
        with atomic_path(self._path(key)) as temporary:
            temporary.unlink()
            blosc2.asarray(
                kept_chw,
                urlpath=str(temporary),
                chunks=(1, *kept_chw.shape[1:]),
                cparams=blosc2.CParams(codec=blosc2.Codec.ZSTD, clevel=1, nthreads=1),
            )

    def get(self, key: PassKey) -> LevelsCHW:
        """What was kept of a pass at the size of the image; raises FileNotFoundError."""
        levels_chw: LevelsCHW = self._read(key)
        return levels_chw

    def get_cells(self, key: PassKey) -> LogsCHW:
        """The same of one that ends with its decoder's cells."""
        logs_chw: LogsCHW = self._read(key)
        return logs_chw

    def _read(self, key: PassKey) -> Any:
        import blosc2

        path = self._path(key)
        kept_chw = blosc2.open(str(path), mode="r", mmap_mode="r")[:]
        os.utime(path)
        return kept_chw

    def speed(self, model_sha256: str, runtime: RuntimeName, way: str = "") -> float | None:
        """Milliseconds that a pass of the model took, in that way, when it was noted, or None."""
        try:
            return float(self._speed_file(model_sha256, runtime, way).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def note_speed(self, model_sha256: str, runtime: RuntimeName, milliseconds: float, way: str = "") -> None:
        write_text(self._speed_file(model_sha256, runtime, way), f"{milliseconds:.3f}\n")

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


def _files(folder: Path) -> Iterator[Path]:
    return folder.rglob(f"*{_SUFFIX}")


def _content(folder: Path) -> ShelfContent:
    stats = [path.stat() for path in _files(folder)]
    return ShelfContent(
        name=folder.name,
        files=len(stats),
        bytes=sum(stat.st_size for stat in stats),
        used=max((stat.st_mtime for stat in stats), default=0.0),
    )
