"""Neighbouring slices of a volume, whose bands make one image: 2.5-d."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from seg.spec.base import Spec
from seg.spec.dataset.id_pattern import CLASS, KNOWN, IdPattern, parse_id_pattern

Slices = Annotated[int, Field(ge=0, le=32)]


class StackSpec(Spec):
    """Each image is stacked with the slices before and after it, in their order."""

    before: Slices = 1
    """How many slices before it. At the first slice, that slice is repeated."""
    after: Slices = 1
    """How many slices after it. At the last slice, that slice is repeated."""
    by: IdPattern
    """A pattern that finds a slice's number in the path of its image, such as `case{c}_day{d}_slice_{s}`. The
    last name in braces is the number; slices in which all others are equal are of one volume.
    """

    @property
    def slices(self) -> int:
        return self.before + 1 + self.after

    @model_validator(mode="after")
    def _several_slices(self) -> Self:
        if not self.before + self.after:
            raise ValueError("'before' and 'after' are both 0: remove 'stack'")
        names = [name for _, name in parse_id_pattern(self.by).parts if name is not None]
        for name in names:
            if name in (CLASS, *KNOWN):
                raise ValueError(f"'by' is of parts of a path, such as 'slice_{{s}}', and has {{{name}}}")
        return self
