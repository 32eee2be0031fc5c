"""A vote over submissions whose models are gone: each pixel gets the class with the most weight.

Where classes tie, the one wins that the submission with the most weight chose; where submissions of equal
weight chose differently, the class that comes first in the class list. The order of the submissions decides
nothing. Submissions are read side by side, so memory does not grow with the images as long as
they have the same order.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from seg.engine.submissions import LabelledImage, SubmissionFormat
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError, SpecError
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import LabelMap, Task, classes_overlap, masks_of, pack_masks
from seg.ranges import WEIGHT

Ties = Literal["best", "lowest"]

STRIP_PIXELS: Final = 2**22
"""Pixels that are voted on together."""

EQUAL: Final = 1e-9
"""Sums of weights are equal that differ by less than this share of all weights: sums of floats have their
last bits from the order."""


@dataclass(frozen=True, slots=True)
class VoteResult:
    """How a vote went: images, and the share of pixels on which two submissions agree, float64 `[S, S]`."""

    images: int
    agreement: NDArray[np.float64]


class _AgreementCounts:
    """Counts of pixels on which pairs of submissions agree."""

    def __init__(self, submissions: int) -> None:
        self._equal = np.zeros((submissions, submissions), dtype=np.int64)
        self._pixels = 0

    def add(self, maps_shw: NDArray[np.unsignedinteger[Any]]) -> None:
        flat = maps_shw.reshape(len(maps_shw), -1)
        for one, another in itertools.combinations_with_replacement(range(len(flat)), 2):
            equal = np.count_nonzero(flat[one] == flat[another])
            self._equal[one, another] += equal
            self._equal[another, one] = self._equal[one, another]
        self._pixels += flat.shape[1]

    def shares(self) -> NDArray[np.float64]:
        """The share of pixels on which each two agree, float64 `[S, S]`."""
        return self._equal / max(1, self._pixels)


def vote_submissions(
    form: SubmissionFormat,
    paths: Sequence[Path],
    output: Path,
    *,
    weights: Sequence[float],
    classes: int,
    size_of: SizeOf,
    ties: Ties = "best",
    task: Task = "multiclass",
) -> VoteResult:
    """Vote over submissions of one format and write the result in the same format and order.

    Raises:
        DataError: a submission cannot be read, or has not the same images and sizes as the first.
    """
    agreement = _AgreementCounts(len(paths))
    decide = vote_on_overlapping_maps if classes_overlap(task) else vote_on_label_maps
    images = 0

    def decided() -> Iterator[LabelledImage]:
        nonlocal images
        for image_id, maps in _zip_submissions_to_vote(form, paths, size_of):
            winner_hw = np.empty_like(maps[0])
            rows = max(1, STRIP_PIXELS // winner_hw.shape[1])
            for top in range(0, len(winner_hw), rows):
                strips_shw = np.stack([labels_hw[top : top + rows] for labels_hw in maps])
                agreement.add(strips_shw)
                winner_hw[top : top + rows] = decide(strips_shw, weights, classes, ties)
            images += 1
            yield image_id, winner_hw

    form.write(output, decided())
    return VoteResult(images, agreement.shares())


def vote_on_label_maps(
    maps_shw: NDArray[np.uint8], weights: Sequence[float], classes: int, ties: Ties = "best"
) -> LabelsHW:
    """The class with the most weight at each pixel, from label maps uint8 `[S, H, W]`.

    A pixel that has the ignore index in all of them keeps it.
    """
    winner_hw: LabelsHW = maps_shw[0].copy()
    # Elsewhere all agree.
    disputed_hw = (maps_shw[1:] != maps_shw[0]).any(0)
    winner_hw[disputed_hw] = _vote_on_pixels(maps_shw[:, disputed_hw], weights, classes, ties)
    return winner_hw


def vote_on_overlapping_maps(
    maps_shw: NDArray[np.unsignedinteger[Any]], weights: Sequence[float], classes: int, ties: Ties = "best"
) -> LabelMap:
    """The same where classes overlap: for each class, whether a pixel has it; of equals, `lowest` is not."""
    masks_scw = np.stack([masks_of(labels_hw, "multilabel", classes) for labels_hw in maps_shw])
    has_class = [
        vote_on_label_maps(masks_scw[:, label].view(np.uint8), weights, 2, ties) == 1
        for label in range(classes)
    ]
    return pack_masks(np.stack(has_class))


def _vote_on_pixels(
    labels_sp: NDArray[np.uint8], weights: Sequence[float], classes: int, ties: Ties
) -> NDArray[np.uint8]:
    """`vote_on_label_maps` for labels of single pixels, uint8 `[S, pixels]`."""
    weights_s = np.array(weights, dtype=np.float64)
    votes_cp = np.stack([weights_s @ (labels_sp == label) for label in range(classes)])
    most_p = votes_cp.max(0)
    is_tied_cp = votes_cp >= most_p - EQUAL * weights_s.sum()
    if ties == "best":
        is_tied_cp = _break_ties_of_vote(labels_sp, weights_s, is_tied_cp)
    winner_p: NDArray[np.uint8] = is_tied_cp.argmax(0).astype(np.uint8)
    winner_p[most_p == 0] = IGNORE_INDEX
    return winner_p


def _break_ties_of_vote(
    labels_sp: NDArray[np.uint8], weights_s: NDArray[np.float64], is_tied_cp: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Break ties: of tied classes, bool `[C, pixels]`, keep those of the heaviest submissions."""
    best_cp = is_tied_cp.copy()
    undecided_p = np.ones(labels_sp.shape[1], dtype=np.bool_)
    classes = np.arange(len(is_tied_cp), dtype=np.uint8)[:, None]
    for weight in sorted(set(weights_s.tolist()), reverse=True):
        chosen_cp = np.zeros_like(is_tied_cp)
        for labels_p in labels_sp[weights_s == weight]:
            chosen_cp |= labels_p == classes
        chosen_cp &= is_tied_cp
        decides_p = chosen_cp.any(0) & undecided_p
        best_cp[:, decides_p] = chosen_cp[:, decides_p]
        undecided_p &= ~decides_p
    return best_cp


def _zip_submissions_to_vote(
    form: SubmissionFormat, paths: Sequence[Path], size_of: SizeOf
) -> Iterator[tuple[str, Sequence[LabelMap]]]:
    """Each image of the first submission with its label maps in all submissions."""
    first, *others = (_ImageFinder(path, form.read(path, size_of)) for path in paths)
    for image_id, labels_hw in first.rest():
        maps = [labels_hw, *(other.find(image_id) for other in others)]
        sizes = [found.shape for found in maps]
        if len(set(sizes)) > 1:
            where = next(path for path, size in zip(paths, sizes, strict=True) if size != sizes[0])
            raise DataError(f"{where}: image {image_id!r} has another size than in {paths[0]}")
        yield image_id, maps
    for other in others:
        other.check_exhausted(paths[0])


class _ImageFinder:
    """Finds images by id in a submission that is read once; images read on the way are buffered."""

    def __init__(self, path: Path, images: Iterable[LabelledImage]) -> None:
        self._path = path
        self._images = iter(images)
        self._buffer: dict[str, LabelMap] = {}

    def rest(self) -> Iterator[LabelledImage]:
        yield from self._images

    def find(self, image_id: str) -> LabelMap:
        while image_id not in self._buffer:
            found, labels_hw = next(self._images, (None, None))
            if found is None or labels_hw is None:
                raise DataError(f"{self._path}: has no image {image_id!r}")
            self._buffer[found] = labels_hw
        return self._buffer.pop(image_id)

    def check_exhausted(self, first: Path) -> None:
        more = next(iter(self._buffer), None) or next((image_id for image_id, _ in self._images), None)
        if more is not None:
            raise DataError(f"{self._path}: has the image {more!r}, which {first} does not have")


def parse_vote_weights(text: str | None, submissions: int) -> list[float]:
    """Parse weights such as `3,2,1`, one for each submission; all 1 without a text.

    Raises:
        SpecError: their number is wrong, or one is not a number above 0.
    """
    if text is None:
        return [1.0] * submissions
    try:
        weights = [float(word) for word in text.split(",")]
    except ValueError as error:
        raise SpecError(f"--weights: must be numbers separated by commas, got {text!r}") from error
    if len(weights) != submissions or not all(WEIGHT.least <= weight <= WEIGHT.most for weight in weights):
        raise SpecError(
            f"--weights: must be {submissions} numbers above 0, one for each submission, got {text!r}"
        )
    return weights


def parse_vote_ties(text: str) -> Ties:
    """Check a tie-break rule; raises SpecError."""
    for name in get_args(Ties):
        if text == name:
            return cast(Ties, text)
    raise SpecError(f"--ties: must be best or lowest, got {text!r}")
