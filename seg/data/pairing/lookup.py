"""Images by what lists and tables call them: an id, a file name with or without ending, or a path."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from seg.data.splits.split import Sample


class ImageLookup:
    """Finds the image that a text names.

    An id is looked for first, then the end of a path, such as a file name, with ending or without. What would
    be the name of two images is that of none.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._by_id = {sample.id: position for position, sample in enumerate(samples)}

    def find(self, text: str) -> int | None:
        """The position of the image, or None."""
        if (position := self._by_id.get(text)) is not None:
            return position
        parts = PurePosixPath(text.replace("\\", "/")).parts[-self._deepest :]
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((found for end in ends if (found := self._by_end.get(end)) is not None), None)

    @property
    def names(self) -> set[str]:
        """Ids and file names, to suggest."""
        return {*self._by_id, *(sample.image.name for sample in self._samples)}

    @cached_property
    def _deepest(self) -> int:
        """The most parts of a path."""
        return max((len(sample.image.parts) for sample in self._samples), default=1)

    @cached_property
    def _by_end(self) -> dict[str, int | None]:
        """Images by each end of their path, with ending and without; None for an end of several."""
        found: dict[str, int | None] = {}
        for position, sample in enumerate(self._samples):
            for end in set(_ends_of_path(sample)):
                found[end] = None if end in found else position
        return found


def _ends_of_path(sample: Sample) -> Iterator[str]:
    parts = sample.image.parts
    for start in range(1, len(parts)):
        yield "/".join(parts[start:])
        yield "/".join((*parts[start:-1], sample.image.stem))
