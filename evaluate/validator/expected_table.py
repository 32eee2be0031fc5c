"""The rows that a table should have: those of the sample submission, or else of the spec's images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.layout import TableLayout, plain_layout, read_sample, sample_columns
from seg.engine.submissions.match_ids import match_ids
from seg.engine.submissions.table_kind import TableKind, kind_of


@dataclass(frozen=True, slots=True)
class WantedTable:
    """A table as the contest wants it.

    Attributes:
        source: what says so.
        ids: of all rows, in their order.
        image_of: the ids of the spec's images by those of `ids`.
        is_sample: whether a sample says so.
        leaves_out_empty: whether a class without pixels has no row.
    """

    source: str
    kind: TableKind
    layout: TableLayout
    ids: Sequence[str]
    image_of: dict[str, str]
    is_sample: bool
    leaves_out_empty: bool

    def match(self, found: Sequence[str]) -> dict[str, str]:
        """Which of the wanted rows each row of a file is; see `match_ids`."""
        return match_ids(found, self.ids, self.kind.split)

    def spec_image(self, row_id: str) -> str:
        """The id of a wanted row's image in the spec, or the row's own where the spec has no such image."""
        image_id = self.kind.split(row_id)[0]
        return self.image_of.get(image_id, image_id)


def wanted_table(known: SubmissionSpec, sample: Path | None) -> WantedTable:
    """Raises DataError where the sample cannot be read or has other columns."""
    kind = kind_of(known.spec.output.format, known.classes, known.spec.data.unlabelled)
    images = [image.id for image in known.split.samples]
    ours = list(kind.row_ids(images))
    if sample is None:
        return WantedTable(
            source="the spec's images",
            kind=kind,
            layout=plain_layout(kind),
            ids=ours,
            image_of=dict(zip(images, images, strict=True)),
            is_sample=False,
            leaves_out_empty=known.spec.output.rle.empty == "drop",
        )
    table = read_sample(sample)
    places = sample_columns(table, kind, ours)
    ids = [fields[places[0]] for _, fields in table.rows]
    return WantedTable(
        source=str(sample),
        kind=kind,
        layout=TableLayout(table.header, places),
        ids=ids,
        image_of=match_ids([kind.split(row_id)[0] for row_id in ids], images, lambda name: (name, "")),
        is_sample=True,
        leaves_out_empty=False,
    )
