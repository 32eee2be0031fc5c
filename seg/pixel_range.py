"""How images of many bands or more than 8 bits become red, green and blue of 8 bits."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Band = Annotated[int, Field(ge=1, le=4096)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Window(BaseModel):
    """A window of a CT: `level` is its middle. Units are those of the file, after a DICOM's rescaling."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    level: FiniteFloat
    """The value that becomes the middle grey."""
    width: Annotated[FiniteFloat, Field(gt=0)]
    """The difference of the values that become black and white."""


class PixelRange(BaseModel):
    """The bands that are read, and which of their values become 0 and 255. One of three ways is given.

    Values outside are clipped. It is in the model card, because a model needs images as it learnt from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bands: tuple[Band, ...] | None = None
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    percentile: tuple[Percent, Percent] | None = None
    window: Window | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("range", "percentile", "window") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]!r} and {given[1]!r} exclude each other: keep one")
        if not given:
            raise ValueError(
                "'bands' needs the values that become 0 and 255: add 'range', 'percentile' or 'window'"
            )
        if self.bands is not None and len(self.bands) not in {1, 3}:
            raise ValueError(f"'bands' names {len(self.bands)} bands: networks take 3, or 1 as grey")
        for name in ("range", "percentile"):
            ends = getattr(self, name)
            if ends is not None and ends[0] >= ends[1]:
                raise ValueError(f"{name!r} is from the lower to the higher value, got {list(ends)}")
        return self

    def __str__(self) -> str:
        """As in a dataset's YAML."""
        values = self.model_dump(exclude_none=True)
        return ", ".join(f"{name}: {list(v) if isinstance(v, tuple) else v}" for name, v in values.items())
