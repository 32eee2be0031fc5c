"""The protocol of cached passes over labelled images, which tuning fits on."""

from typing import Protocol

from seg.data import Split
from seg.evaluate.cache.merge import CachedImage, Coverage
from seg.evaluate.cache.mixture import Mixture, Views
from seg.labels.label_map import LabelsHW


class LabelledPasses(Protocol):
    """Passes of members, or of families of members, over the images of a split."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        ...

    @property
    def views(self) -> tuple[Views, ...]:
        """Of each member, from which tuning selects."""
        ...

    @property
    def milliseconds(self) -> tuple[float, ...]:
        """Wall time of one pass of each member."""
        ...

    @property
    def coverage(self) -> Coverage:
        """See `EnsembleSpec.coverage_of`; empty if all members know all classes."""
        ...

    @property
    def split(self) -> Split: ...

    @property
    def computed(self) -> int:
        """The number of passes that were not in the cache."""
        ...

    @property
    def classes(self) -> int: ...

    @property
    def images(self) -> int: ...

    def cached_image(self, image: int) -> CachedImage:
        """All passes of one image."""
        ...

    def labels(self, image: int) -> LabelsHW:
        """The label map of one image."""
        ...

    def of_members(self, mixture: Mixture) -> Mixture:
        """The mixture of the spec's members that a mixture of these stands for."""
        ...
