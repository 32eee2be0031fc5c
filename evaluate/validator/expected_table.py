"""The expected rows of a table: those of the sample submission, or else of the spec's images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.tables.layout import TableLayout, plain_layout, read_sample, sample_columns
from seg.engine.submissions.tables.match_ids import match_ids
from seg.engine.submissions.tables.table_kind import TableKind, kind_of


@dataclass(frozen=True, slots=True)
class ExpectedTable:
    """The table that the contest expects.

    Attributes:
        source: of the expectation, for messages.
        ids: of all rows, in order.
        image_of: the ids of the spec's images by those of `ids`.
        is_sample: whether the source is a sample submission.
        leaves_out_empty: whether classes without pixels have no row.
    """

    source: str
    kind: TableKind
    layout: TableLayout
    ids: Sequence[str]
    image_of: dict[str, str]
    is_sample: bool
    drops_empty: bool

    def match(self, found: Sequence[str]) -> dict[str, str]:
        """The expected row id of each row of a file; see `match_ids`."""
        return match_ids(found, self.ids, self.kind.split)

    def spec_image(self, row_id: str) -> str:
        """The spec's id of a row's image, or the row's own if the spec has no such image."""
        image_id = self.kind.split(row_id)[0]
        return self.image_of.get(image_id, image_id)


def expected_table(known: SubmissionSpec, sample: Path | None) -> ExpectedTable:
    """The expected table; raises DataError if the sample cannot be read or has wrong columns."""
    kind = kind_of(known.spec.output.format, known.classes, known.spec.data.unlabelled)
    images = [image.id for image in known.split.samples]
    ours = list(kind.row_ids(images))
    if sample is None:
        return ExpectedTable(
            source="the spec's images",
            kind=kind,
            layout=plain_layout(kind),
            ids=ours,
            image_of=dict(zip(images, images, strict=True)),
            is_sample=False,
            drops_empty=known.spec.output.rle.empty == "drop",
        )
    table = read_sample(sample)
    places = sample_columns(table, kind, ours)
    ids = [fields[places[0]] for _, fields in table.rows]
    return ExpectedTable(
        source=str(sample),
        kind=kind,
        layout=TableLayout(table.header, places),
        ids=ids,
        image_of=match_ids([kind.split(row_id)[0] for row_id in ids], images, lambda name: (name, "")),
        is_sample=True,
        drops_empty=False,
    )
