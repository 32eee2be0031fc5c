"""A split whose labels are a table of run lengths."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from seg.data.images.image_files import bytes_of_file
from seg.data.images.read_sample import size_of_sample
from seg.data.labelling import ReadLabelling, WithLabelling
from seg.data.pairing.find_images import listed_samples
from seg.data.pairing.lookup import ImageLookup
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.object_raster import LabelledRuns, ObjectRaster
from seg.data.regions.run_mask import RunMask
from seg.data.tables.run_lengths import parse_run_mask
from seg.data.tables.table_rows import LabelTableRow, read_label_table_rows
from seg.errors import DataError
from seg.labels.task import LabelMap
from seg.spec.dataset.labels_table import LabelsTableSpec
from seg.spec.dataset.split import SplitSpec
from seg.terminal.words import pluralise

_EXAMPLES: Final = 3


class TableSplit(WithLabelling):
    """Images and a table of run lengths. An image that is not in the table has only unlabelled pixels.

    If a pixel has one class, the smaller object is on top, as for COCO objects.
    """

    def __init__(self, spec: SplitSpec, table: LabelsTableSpec, read_labelling: ReadLabelling) -> None:
        self.table = table
        super().__init__(read_labelling)
        self._spec = spec
        self.samples = listed_samples(spec)

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(bytes_of_file(self.table.file))
        digest.update("\n".join(sample.id for sample in self.samples).encode())
        return digest.hexdigest()

    def labels(self, index: int) -> LabelMap:
        return self.open_labels(index)[:, :]

    def open_labels(self, index: int) -> LabelRaster:
        size_hw = size_of_sample(self.samples[index])
        return ObjectRaster(size_hw, self.objects(index, size_hw), self._labelling)

    def objects(self, index: int, size_hw: tuple[int, int]) -> list[LabelledRuns]:
        """The objects of an image of that size, one for each row with runs; raises DataError."""
        return [LabelledRuns(row.label, self._runs(row, size_hw)) for row in self.rows_of_image(index)]

    def rows_of_image(self, index: int) -> Sequence[LabelTableRow]:
        """The rows of an image; raises DataError if no row is of any image."""
        return self._rows_of.get(index, ())

    def _runs(self, row: LabelTableRow, size_hw: tuple[int, int]) -> RunMask:
        try:
            return parse_run_mask(row.runs, size_hw, self.table.order, self.table.first)
        except ValueError as error:
            raise DataError(
                f"{self.table.file}:{row.line}: {error}: check 'order' and 'first' of the table"
            ) from error

    @cached_property
    def _rows_of(self) -> Mapping[int, list[LabelTableRow]]:
        """The rows of each image; raises DataError if no row is of an image."""
        found: dict[int, list[LabelTableRow]] = defaultdict(list)
        others: list[LabelTableRow] = []
        for row in self.rows:
            place = self._lookup.find_exactly(row.image)
            (others if place is None else found[place]).append(row)
        known = set(found)
        for row in others:
            place = self._lookup.find(row.image)
            if place is not None and place not in known:
                found[place].append(row)
        if self.rows and not found:
            named = ", ".join(repr(row.image) for row in self.rows[:_EXAMPLES])
            images = ", ".join(repr(sample.id) for sample in self.samples[:_EXAMPLES])
            raise DataError(
                f"{self.table.file}: none of its {pluralise(len(self.rows), 'row')} is of an image: it has"
                f" {named}, and the images are {images}: give images the ids of the table with 'id' and a"
                " pattern"
            )
        return found

    @cached_property
    def rows(self) -> list[LabelTableRow]:
        """All rows of the table."""
        return read_label_table_rows(self.table, self.classes, self._labelling.background)

    @property
    def unknown_images(self) -> list[str]:
        """What the table calls images that are neither in the split nor left out by its list."""
        everything = listed_samples(self._spec.model_copy(update={"list": None}))
        lookup = ImageLookup(everything)
        return [name for name in dict.fromkeys(row.image for row in self.rows) if lookup.find(name) is None]

    @cached_property
    def _lookup(self) -> ImageLookup:
        return ImageLookup(self.samples)
