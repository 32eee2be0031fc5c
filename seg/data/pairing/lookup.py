"""Images by what lists and tables call them: an id, a file name with or without ending, or a path."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from seg.data.pairing.plain_names import plain_name
from seg.data.splits.split import Sample


class ImageLookup:
    """Finds the image that a text names.

    An id is looked for first, then the end of a path, such as a file name, with ending or without, and then
    the same by plain names. What would be the name of two images is that of none.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._by_id = {sample.id: position for position, sample in enumerate(samples)}

    def find(self, text: str) -> int | None:
        """The position of the image, or None."""
        found = self.find_exactly(text)
        if found is not None or PurePosixPath(text.replace("\\", "/")).name in self._by_end:
            return found
        plain = (self._by_plain_end.get(plain_name(end)) for end in self._ends_of_text(text))
        return next((place for place in plain if place is not None), None)

    def find_exactly(self, text: str) -> int | None:
        """The position of the image that has the name itself, or None."""
        if (position := self._by_id.get(text)) is not None:
            return position
        found = (self._by_end.get(end) for end in self._ends_of_text(text))
        return next((place for place in found if place is not None), None)

    def _ends_of_text(self, text: str) -> Iterator[str]:
        parts = PurePosixPath(text.replace("\\", "/")).parts[-self._deepest :]
        return ("/".join(parts[start:]) for start in range(len(parts)))

    @property
    def names(self) -> set[str]:
        """Ids and file names, to suggest."""
        return {*self._by_id, *(sample.image.name for sample in self._samples)}

    @cached_property
    def _deepest(self) -> int:
        """The most parts of a path."""
        return max((len(sample.image.parts) for sample in self._samples), default=1)

    @cached_property
    def _by_plain_end(self) -> dict[str, int | None]:
        """Images by the plain name of each end of their path; None for that of several."""
        found: dict[str, int | None] = {}
        for end, position in self._by_end.items():
            plain = plain_name(end)
            found[plain] = position if found.setdefault(plain, position) == position else None
        return found

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
