"""The expected rows of a table: those of the sample submission, or else of the spec's images."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.submissions import SubmissionForSpec
from seg.engine.submissions.tables.match_ids import match_ids
from seg.engine.submissions.tables.table_format import Key, TableFormat, image_ids_of_rows


@dataclass(frozen=True, slots=True)
class ExpectedTable:
    """The table that the contest expects.

    Attributes:
        source: of the expectation, for messages.
        keys: of all rows, in order.
    """

    source: str
    style: TableFormat
    keys: Sequence[Key]

    @property
    def is_sample(self) -> bool:
        return self.style.rows is not None

    def match(self, found: Sequence[Key]) -> dict[Key, Key]:
        """The expected row of each row of a file, whose image may be written differently; see `match_ids`."""
        name_of = match_ids(image_ids_of_rows(found), image_ids_of_rows(self.keys))
        expected = set(self.keys)
        named = ((key, (name_of.get(key[0], key[0]), key[1])) for key in found)
        return {key: wanted for key, wanted in named if wanted in expected}

    def spec_image(self, key: Key) -> str:
        """The spec's id of a row's image, or the row's own if the spec has no such image."""
        return self.style.image_of(key[0])


def expected_table(known: SubmissionForSpec) -> ExpectedTable:
    """The expected table; raises DataError if the sample does not fit the spec."""
    style, sample = known.table, known.spec.output.sample
    if style.rows is not None:
        return ExpectedTable(str(sample), style, style.rows)
    keys = [key for image in known.split.samples for key in style.keys_of_image(image.id)]
    return ExpectedTable("the spec's images", style, keys)
