"""The protocol of scores by which members' cost and worth are measured, on sampled pixels of any task."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture, Views


class MixtureScorer(Protocol):
    """Sampled pixels of images, on which mixtures are scored."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        ...

    @property
    def views(self) -> tuple[Views, ...]:
        """Of each member."""
        ...

    def score(self, mixture: Mixture) -> float:
        """The metric."""
        ...

    def predict(self, mixture: Mixture) -> NDArray[np.unsignedinteger[Any]]:
        """Labels of the sampled pixels, `[I, n]`."""
        ...

    def knows_all_classes(self, mixture: Mixture) -> bool:
        """Whether some member of the mixture knows all classes, without which it is no ensemble."""
        ...
