"""Cross-validation: the training images in folds, of which each member holds one out."""

import re

from pydantic import Field, field_validator

from seg.spec.base import Spec


class FoldsSpec(Spec):
    """`count` folds of the training images, alike in the classes they show.

    `group` is a regular expression that finds, in an image's id, what images of one origin share: all of a
    group lie in one fold. With parentheses, what the first of them finds is what is shared.
    """

    count: int = Field(ge=2)
    group: str | None = None
    seed: int = Field(default=0, ge=0)

    @field_validator("group")
    @classmethod
    def _compiles(cls, group: str | None) -> str | None:
        try:
            re.compile(group or "")
        except re.error as error:
            raise ValueError(f"{group!r} is no regular expression: {error}") from error
        return group
