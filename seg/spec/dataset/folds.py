"""Cross-validation: the training images in folds, of which each member holds one out."""

from typing import Annotated

from seg import ranges
from seg.spec.base import Seed, Spec, number_within
from seg.spec.dataset.groups import GroupPattern


class FoldsSpec(Spec):
    """Folds of the training images. Each fold shows the classes alike."""

    count: Annotated[int, number_within(ranges.FOLDS)]
    """Number of folds."""
    group: GroupPattern | None = None
    """A pattern of image ids, as in `group` of a dataset: images of a group are in one fold. Default: the
    groups of the dataset.
    """
    seed: Seed = 0
    """Seed of the split."""
