"""Labels as they come: patterns, masks, tables, lists of classes and groups that are wrong or absurd."""

from collections.abc import Iterator

from tests.hostile.case import Case
from tests.hostile.labels import guesses, mask_files, patterns, tables


def cases() -> Iterator[Case]:
    for theme in (patterns, tables, mask_files, guesses):
        yield from theme.cases()
