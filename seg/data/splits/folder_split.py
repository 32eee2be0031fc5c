"""Images without labels, as a split to predict."""

import hashlib
from functools import cached_property

from seg.data.labelling import ReadLabelling, WithLabelling
from seg.data.pairing.find_images import listed_samples
from seg.data.regions.label_raster import LabelRaster
from seg.errors import DataError
from seg.labels.task import LabelMap
from seg.spec.dataset.split import SplitSpec


class FolderSplit(WithLabelling):
    """The images of a folder, pattern or list; see `seg.data.splits.list_samples`."""

    def __init__(self, spec: SplitSpec, read_labelling: ReadLabelling) -> None:
        self._place = spec.images[0]
        super().__init__(read_labelling)
        self.samples = listed_samples(spec)

    @cached_property
    def fingerprint(self) -> str:
        names = "\n".join(sample.id for sample in self.samples)
        return hashlib.sha256(names.encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        raise DataError(
            f"{self._place}: {self.samples[index].image.name} has no labels:"
            " add annotations, masks or labels to this split"
        )

    def open_labels(self, index: int) -> LabelRaster:
        return self.labels(index)
