"""Cross-validation: the training images in folds, of which each member holds one out."""

import re
from typing import Annotated

from pydantic import field_validator

from seg import ranges
from seg.spec.base import Seed, Spec, within


class FoldsSpec(Spec):
    """Folds of the training images. Each fold shows the classes alike."""

    count: Annotated[int, within(ranges.FOLDS)]
    """Number of folds."""
    group: str | None = None
    """A regular expression on image ids. Images with the same match, or the same first group in parentheses,
    are in one fold. Default: the groups of the dataset.
    """
    seed: Seed = 0
    """Seed of the split."""

    @field_validator("group")
    @classmethod
    def _compiles(cls, group: str | None) -> str | None:
        try:
            re.compile(group or "")
        except re.error as error:
            raise ValueError(f"{group!r} is no regular expression: {error}") from error
        return group
