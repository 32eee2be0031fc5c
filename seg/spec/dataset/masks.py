"""Masks in a dataset YAML: where an image's mask is, and what its pixel values mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from seg import ranges
from seg.spec.base import Spec, number_within, one_or_several, path_beside

_LONE: Final = "{"


def _mask_path_beside(value: Any, info: ValidationInfo) -> Any:
    """A path relative to the YAML; a pattern that is only a file name stays one, beside the image."""
    if not isinstance(value, str | Path):
        return value
    text = str(value)
    return Path(text) if _LONE in text and "/" not in text else path_beside(value, info)


MaskPath = Annotated[Path, BeforeValidator(_mask_path_beside, json_schema_input_type=str)]
MaskPaths = Annotated[tuple[MaskPath, ...], one_or_several(str), Field(min_length=1)]
"""One folder or pattern, or one for each folder of images."""


class MasksSpec(Spec):
    """Where masks are, and what their pixel values mean. A folder or pattern alone is enough.

    Without one of `binary`, `tolerance` and `divide`, the values of a mask of one channel are class ids, and
    a mask of red, green and blue has the colours of the classes.
    """

    model_config = ConfigDict(populate_by_name=True)

    from_: str | None = Field(default=None, alias="from")
    """The end of an image's path as a pattern: `{city}/{name}_leftImg8bit.png`. Default: `images`, if that is
    a pattern; else `{stem}` is the image's name without ending, and `{folder}` its folder below `images`.
    """
    to: MaskPaths | None = None
    """The mask's path: a folder (`a/b.png` for `images/a/b.jpg`), or a pattern with the image's placeholders:
    `gtFine/{city}/{name}_gtFine_labelIds.png`. A pattern without a folder is beside the image.
    """
    of_class: Mapping[str, MaskPath] | None = Field(default=None, min_length=1)
    """A folder or pattern for each class, instead of `to`. Pixels above `binary` are of the class; without it
    those above 0 of a mask of two values, and those above 127 of a JPEG or a smoothed mask, whose values are
    near 0 and 255. Masks of more values, such as ids, are refused. An image without a file for a class has no
    pixel of it.
    """
    binary: Annotated[float, number_within(ranges.MASK_THRESHOLD)] | None = None
    """For two classes: pixels above this value are of the second class. Several masks of an image, named by a
    wildcard, are united. With `of_class`: pixels above it are of the mask's class, whatever its values are.
    """
    tolerance: Annotated[int, number_within(ranges.COLOUR_TOLERANCE)] | None = None
    """For colour-coded masks: a pixel is of the nearest class whose red, green and blue each differ by at
    most this. Default: 0.
    """
    divide: Annotated[int, number_within(ranges.INSTANCE_DIVISOR)] | None = None
    """For masks with instances: a value from this on is id x divide + instance, such as 26003 with 1000."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"to": value} if isinstance(value, str | Path | list | tuple) else value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.to) == bool(self.of_class):
            raise ValueError("masks are named by 'to', or for each class by 'of_class': give one of them")
        encodings = [name for name in ("of_class", "binary", "tolerance", "divide") if self._given(name)]
        if len(encodings) > 1 and encodings != ["of_class", "binary"]:
            raise ValueError(f"{encodings[0]!r} and {encodings[1]!r} exclude each other: keep one")
        return self

    def _given(self, name: str) -> bool:
        return getattr(self, name) is not None

    @property
    def place(self) -> Path:
        """The first folder or pattern, for messages."""
        return self.to[0] if self.to else next(iter((self.of_class or {}).values()))
