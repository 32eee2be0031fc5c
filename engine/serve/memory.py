"""What the engine needs for an image, measured on the loaded models, and how a memory budget is shared out.

The budget has three shares. The processes that read bodies have theirs. The *engine's* share covers the
networks and all that is merged of the frames (images, or tiles of large ones) that are open at once; it
depends on the size of the largest frame, so larger images are cut into tiles that keep within it. What is
left is for *requests*: their bodies, decoded images, label maps and encoded results, which admission control
counts one by one.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from seg.engine.ensemble import Ensemble
from seg.engine.member import default_pass_order
from seg.engine.runtimes.profiling import resident_bytes, run_all_streams
from seg.engine.serve.body_process import PROCESSES, memory_for
from seg.errors import SegError, SpecError
from seg.spec.prediction import TileSpec

LARGEST_TILE: Final = 1024
"""The side from which on images are cut into tiles, unless the spec says otherwise or memory allows less."""

SMALLEST_TILE: Final = 256
_STEP: Final = 64

PROBE_SIDE: Final = 384

_SHARE_OF_ENGINE: Final = 0.6
_MOST_OF_ENGINE: Final = 0.9
_SHARE_OF_MACHINE: Final = 0.5
_FLOAT: Final = 4
_RGB: Final = 3
_PAGE_LAYER: Final = 32
"""Bytes a pixel of the page's labels, confidences and PNGs."""

_BODY_PROCESS_BYTES: Final = 80 * 2**20
"""What Python, NumPy and OpenCV take in each process that reads bodies."""

_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMINFO: Final = Path("/proc/meminfo")


def default_memory() -> int:
    """Half of what is free on this machine, or of what its container may take, in bytes.

    Raises:
        SegError: this system does not say.
    """
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise SegError("--memory: this system does not say how much there is: name it, as 8GB") from error
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return int(min(free, *map(_limit_in, _CGROUP_LIMITS)) * _SHARE_OF_MACHINE)


@dataclass(frozen=True, slots=True)
class EngineCost:
    """Bytes that the engine needs for each pixel of the largest frame, in all its threads together."""

    network: float
    merging: int

    @property
    def bytes_a_pixel(self) -> float:
        return self.network + self.merging


def measure(ensemble: Ensemble) -> EngineCost:
    """Run a batch on each stream of each member, before anything else ran, and see what it takes."""
    network = 0.0
    for member in ensemble.members:
        batch = np.zeros((ensemble.batch_size, PROBE_SIDE, PROBE_SIDE, _RGB), dtype=np.uint8)
        before = resident_bytes()
        run_all_streams(member.runtime, batch)
        # Runtimes keep what they took for their next batch, so what all members need adds up.
        network += max(0, resident_bytes() - before) / PROBE_SIDE**2
    plan = default_pass_order(ensemble.members)
    area = max(planned.view.scale for planned in plan) ** 2
    classes = len(ensemble.classes)
    in_flight = ensemble.batch_size * (ensemble.streams + 1)
    open_frames = max(ensemble.open_frames, 2 * in_flight)
    answers = in_flight * (classes * _FLOAT + _RGB) * area
    sums = open_frames * ((classes + 3) * _FLOAT + _RGB)
    return EngineCost(network * area, math.ceil(answers + sums))


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """A budget shared out.

    Attributes:
        tile: how larger images are cut; None where members resize every image to a size of their own.
        most_pixels: of an image that the engine takes.
        process: bytes that this process may hold, which are all but those of the processes that read bodies.
        engine: bytes of them that the engine may need.
        requests: bytes that all requests together may hold.
        classes: how many there are.
    """

    tile: TileSpec | None
    most_pixels: int
    process: int
    engine: int
    requests: int
    classes: int

    def line(self) -> str:
        """The plan in one line, for the user."""
        cut = (
            f"larger images in tiles of {self.tile.size[1]}x{self.tile.size[0]}" if self.tile else "no tiles"
        )
        return (
            f"memory: {self.engine / 1e9:.1f} GB for the engine, {self.requests / 1e9:.1f} GB for requests;"
            f" images of up to {self.most_pixels / 1e6:.1f} megapixels, {cut}"
        )

    def image_bytes(self, size_hw: tuple[int, int]) -> int:
        """What one image takes outside of frames: pixels, labels, and the rows of tiles that are blended."""
        height, width = size_hw
        pixels = height * width
        blended = 0
        if self.tile and (height > self.tile.size[0] or width > self.tile.size[1]):
            blended = 2 * min(height, self.tile.size[0]) * width * self.classes * _FLOAT
        return pixels * (_RGB + 1) + blended

    def page_bytes(self, size_hw: tuple[int, int]) -> int:
        """What the page takes of an image: all probabilities of one predictor, in bands and as a whole."""
        height, width = size_hw
        return height * width * (2 * self.classes * _FLOAT + _PAGE_LAYER) + self.image_bytes(size_hw)


def plan_memory(
    ensemble: Ensemble, cost: EngineCost, memory: int, most_pixels: int, most_bytes: int
) -> MemoryPlan:
    """Share out `memory` bytes, of which this process holds some already.

    Args:
        most_pixels: of an image.
        most_bytes: of a body.

    Raises:
        SpecError: not even a small image fits beside the models.
    """
    reading = PROCESSES * (_BODY_PROCESS_BYTES + memory_for(most_pixels, most_bytes))
    free = memory - resident_bytes() - reading
    frame = max(0, int(free * _SHARE_OF_ENGINE / cost.bytes_a_pixel))
    tile = ensemble.tile
    # A network that resizes tiles to a size of its own would see everything in them enlarged.
    if tile is None and all(member.card.input.mode != "resize" for member in ensemble.members):
        side = max(SMALLEST_TILE, min(LARGEST_TILE, math.isqrt(frame) // _STEP * _STEP))
        tile = TileSpec(size=(side, side))
    largest = math.prod(tile.size) if tile else min(most_pixels, max(frame, SMALLEST_TILE**2))
    engine = int(largest * cost.bytes_a_pixel)
    if engine > free * _MOST_OF_ENGINE:
        needed = memory - free + engine / _MOST_OF_ENGINE
        raise SpecError(
            f"--memory: {memory / 1e9:.2f} GB are too few: models, decoders, and the engine with frames of"
            f" {largest / 1e6:.2f} megapixels take {needed / 1e9:.2f} GB"
        )
    most_pixels = most_pixels if tile else largest
    return MemoryPlan(tile, most_pixels, memory - reading, engine, free - engine, len(ensemble.classes))


def _limit_in(path: Path) -> float:
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return math.inf
