"""Cross-validation: the training images in folds, of which each member holds one out."""

import re
from typing import Annotated

from pydantic import field_validator

from seg import ranges
from seg.spec.base import Seed, Spec, within


class FoldsSpec(Spec):
    """`count` folds of the training images, alike in the classes they show.

    `group` is a regular expression that finds, in an image's id, what images of one origin share: all of a
    group lie in one fold. With parentheses, what the first of them finds is what is shared.
    """

    count: Annotated[int, within(ranges.FOLDS)]
    group: str | None = None
    seed: Seed = 0

    @field_validator("group")
    @classmethod
    def _compiles(cls, group: str | None) -> str | None:
        try:
            re.compile(group or "")
        except re.error as error:
            raise ValueError(f"{group!r} is no regular expression: {error}") from error
        return group
