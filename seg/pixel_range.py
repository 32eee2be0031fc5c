"""The bands of images that a network sees, and the values that become 0 and 1."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

MAX_BANDS: Final = 4096

Band = Annotated[int, Field(ge=1, le=MAX_BANDS)]
Percent = Annotated[float, Field(ge=0, le=100)]

WAYS: Final = ("range", "percentile", "window")
"""How the values that become 0 and 1 are given."""


class Window(BaseModel):
    """A window of a CT: `level` is its middle. Units are those of the file, after a DICOM's rescaling."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    level: FiniteFloat
    """The value that becomes the middle grey."""
    width: Annotated[FiniteFloat, Field(gt=0)]
    """The difference of the values that become black and white."""


class PixelRange(BaseModel):
    """The bands that are seen, in their order, and which of their values become 0 and 1. One way is given.

    Values outside are clipped. Percentiles are those of each band of the whole image: an image is brought to
    0..1 by them when it is read, because a graph sees tiles. Everything else is done in a model's graph.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bands: tuple[Band, ...] | None = None
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    percentile: tuple[Percent, Percent] | None = None
    window: Window | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in WAYS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]!r} and {given[1]!r} exclude each other: keep one")
        if not given:
            raise ValueError(
                "'bands' needs the values that become 0 and 1: add 'range', 'percentile' or 'window'"
            )
        if self.bands is not None and not self.bands:
            raise ValueError("'bands' is empty: name the bands to see, from 1")
        for name in ("range", "percentile"):
            ends = getattr(self, name)
            if ends is not None and ends[0] >= ends[1]:
                raise ValueError(f"{name!r} is from the lower to the higher value, got {list(ends)}")
        return self

    @property
    def ends(self) -> tuple[float, float] | None:
        """The values that become 0 and 1; None for percentiles, by which images are scaled already."""
        if self.window is not None:
            half = self.window.width / 2
            return self.window.level - half, self.window.level + half
        return self.range

    def seen_of(self, bands: int) -> int:
        """How many bands of images with that many are seen.

        Raises:
            ValueError: the images do not have these bands.
        """
        if self.bands is not None and max(self.bands) > bands:
            raise ValueError(
                f"images have {bands} bands, and 'bands' names band {max(self.bands)}: they count from 1"
            )
        return len(self.bands) if self.bands is not None else bands

    def replaced(
        self,
        bands: tuple[int, ...] | None,
        range: tuple[float, float] | None,  # noqa: A002
        window: Window | None,
    ) -> "PixelRange":
        """What a network sees that has bands, a range or a window of its own; None where it has not.

        Raises:
            ValueError: percentiles, by which images are read, would be replaced.
        """
        own = {"bands": bands, "range": range, "window": window}
        given = {name: value for name, value in own.items() if value is not None}
        ways = given.keys() & set(WAYS)
        if ways and self.percentile is not None:
            raise ValueError(
                f"{ways.pop()!r} cannot replace the dataset's 'percentile', by which images are read"
            )
        return PixelRange.model_validate(self.model_dump(exclude=set(WAYS) if ways else set()) | given)

    def __str__(self) -> str:
        """As in a dataset's YAML."""
        values = self.model_dump(exclude_none=True)
        return ", ".join(f"{name}: {list(v) if isinstance(v, tuple) else v}" for name, v in values.items())
