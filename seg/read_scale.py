"""The scale at which images are read: a resolution, or a level of their pyramids."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadScale:
    """A resolution or a level.

    Attributes:
        resolution: the side of a pixel that is read, in micrometres of slides, or metres of georeferenced
            images.
        level: the level of each file's pyramid, from 0.
        pixel_size: the side of a pixel at the full resolution, in the same unit, of files that do not say it.
    """

    resolution: float | None = None
    level: int | None = None
    pixel_size: float | None = None
