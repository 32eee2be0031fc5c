"""What the engine needs for an image, measured on the loaded models, and how a memory budget is shared out.

The budget has three shares. What all processes hold before the first request comes is taken off. The
*engine's* share covers the networks and all that is merged of the frames (images, or tiles of large ones)
that are open at once; it depends on the size of the largest frame, so larger images are cut into tiles that
keep within it. What is left is for *requests*: their bodies, what decoding takes, images, label maps and
encoded results, which admission control counts one by one.

Where the system does not tell what a process holds (it takes Linux), the engine has no bound, and the whole
budget is for requests.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seg.engine.ensemble import Ensemble
from seg.engine.member import default_pass_order
from seg.engine.runtimes.profiling import can_measure_memory, resident_bytes, run_all_streams
from seg.errors import SpecError
from seg.image_type import RGB8, fused_image_type
from seg.spec.ensemble.prediction import TileSpec

SMALLEST_TILE: Final = 256
_STEP: Final = 64

PROBE_SIDE: Final = 384

_SHARE_OF_ENGINE: Final = 0.6
_MOST_OF_ENGINE: Final = 0.9
_SHARE_OF_MACHINE: Final = 0.5
_FLOAT: Final = 4
_PAGE_LAYER: Final = 32
"""Bytes a pixel of the page's labels, confidences and PNGs."""

USUAL_MEMORY: Final = 4 * 10**9
"""The budget where the system does not say how much there is."""

_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMINFO: Final = Path("/proc/meminfo")


def default_server_memory() -> int:
    """Half of what is free on this machine, or of what its container may take, in bytes."""
    if not _MEMINFO.exists():
        return USUAL_MEMORY
    lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return int(min(free, *map(_memory_limit_in, _CGROUP_LIMITS)) * _SHARE_OF_MACHINE)


@dataclass(frozen=True, slots=True)
class EngineCost:
    """Bytes that the engine needs for each pixel of the largest frame, in all its threads together."""

    network: float
    merging: int

    @property
    def bytes_a_pixel(self) -> float:
        return self.network + self.merging


def measure_engine_cost(ensemble: Ensemble) -> EngineCost:
    """Run a batch on each stream of each member, before anything else ran, and see what it takes."""
    network = 0.0
    image_type = fused_image_type(ensemble.image_types)
    for member in ensemble.members:
        batch = image_type.blank((ensemble.batch_size, PROBE_SIDE, PROBE_SIDE))
        before = resident_bytes()
        run_all_streams(member.runtime, batch)
        # Runtimes keep what they took for their next batch, so what all members need adds up.
        network += max(0, resident_bytes() - before) / PROBE_SIDE**2
    area = max(planned.view.scale for planned in default_pass_order(ensemble.members)) ** 2
    classes = len(ensemble.classes)
    in_flight = ensemble.batch_size * (ensemble.streams + 1)
    open_frames = max(ensemble.open_frames, 2 * in_flight)
    probabilities = in_flight * (classes * _FLOAT + image_type.bytes_a_pixel) * area
    sums = open_frames * ((classes + 3) * _FLOAT + image_type.bytes_a_pixel)
    return EngineCost(network * area, math.ceil(probabilities + sums))


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """The memory of a server, divided among its parts.

    Attributes:
        tile: how larger images are cut; None where members resize every image to a size of their own.
        most_pixels: of an image that the engine takes.
        engine: bytes of frames and networks.
        engine_process: bytes that the engine process may hold, beside what requests set aside; None where
            the system does not tell what it holds.
        requests: bytes that all requests together may hold.
        classes: how many there are.
        pixel_bytes: of each pixel of an image.
    """

    tile: TileSpec | None
    most_pixels: int
    engine: int
    engine_process: int | None
    requests: int
    classes: int
    pixel_bytes: int = RGB8.bytes_a_pixel

    def line(self) -> str:
        """The budget in one line, for the user."""
        if self.engine_process is None:
            return (
                f"memory: {self.requests / 1e9:.1f} GB for requests; this system does not tell what a process"
                " holds, so the engine has no bound, and images are not cut: it takes Linux"
            )
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
        return pixels * (self.pixel_bytes + 1) + blended

    def page_bytes(self, size_hw: tuple[int, int]) -> int:
        """What the page takes of an image: all probabilities of one predictor, in bands and as a whole."""
        height, width = size_hw
        return height * width * (2 * self.classes * _FLOAT + _PAGE_LAYER) + self.image_bytes(size_hw)


def divide_memory(ensemble: Ensemble, memory: int, most_pixels: int, beside: int) -> MemoryBudget:
    """Measure what the loaded models take, before anything else ran, and share out `memory` bytes.

    Args:
        most_pixels: of an image.
        beside: bytes that other processes of the server hold.

    Raises:
        SpecError: not even a small image fits beside the models.
    """
    classes, pixel_bytes = len(ensemble.classes), fused_image_type(ensemble.image_types).bytes_a_pixel
    if not can_measure_memory():
        return MemoryBudget(ensemble.tile, most_pixels, 0, None, memory, classes, pixel_bytes)
    cost = measure_engine_cost(ensemble).bytes_a_pixel
    loaded = resident_bytes()
    free = memory - loaded - beside
    frame = max(0, int(free * _SHARE_OF_ENGINE / cost))
    tile = ensemble.tile
    # A network that resizes tiles to a size of its own would see everything in them enlarged.
    if tile is None and all(member.card.input.mode != "resize" for member in ensemble.members):
        largest_side = math.ceil(math.sqrt(most_pixels))
        side = max(SMALLEST_TILE, min(largest_side, math.isqrt(frame)) // _STEP * _STEP)
        tile = TileSpec(size=(side, side))
    largest = math.prod(tile.size) if tile else min(most_pixels, max(frame, SMALLEST_TILE**2))
    engine = int(largest * cost)
    if engine > free * _MOST_OF_ENGINE:
        needed = memory - free + engine / _MOST_OF_ENGINE
        raise SpecError(
            f"--memory: {memory / 1e9:.2f} GB are too few: models, decoders, and the engine with frames of"
            f" {largest / 1e6:.2f} megapixels take {needed / 1e9:.2f} GB"
        )
    most_pixels = most_pixels if tile else largest
    return MemoryBudget(tile, most_pixels, engine, loaded + engine, free - engine, classes, pixel_bytes)


def _memory_limit_in(path: Path) -> float:
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return math.inf
