"""Whether a network that was trained elsewhere is fed rightly: scores of its declaration and of others."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.errors import DataError, ModelError
from seg.export.sources.declaration import Declaration
from seg.export.sources.feeding.readings import Reading, readings_of
from seg.export.sources.reference import prepare_reference_input, reference_probabilities
from seg.export.sources.source import RawNetwork, Source
from seg.labels.label_map import IGNORE_INDEX, ImageHWC, LabelsHW
from seg.terminal.progress import progress

AS_DECLARED: Final = "as declared"
CLEAR_GAIN: Final = 0.02
"""By how much a reading's mIoU must be above that of the declaration to be named."""

CLEAR_ORDER_GAIN: Final = 0.1
"""The same for the order in which the classes fit best, which is chosen from many."""

CLEAR_LOG_LOSS: Final = 0.9
"""What the log loss must fall to, as a share, for a reading with equal labels to be named."""

MOST_IMAGES: Final = 6
SECONDS: Final = 45.0
"""So long the check may take, or about so long where one image takes seconds."""

_RUNS_AN_IMAGE: Final = 18
"""About as many readings are tried in both rounds."""

_LEAST_PROBABILITY: Final = 1e-7
_UNIT: Final = (-1e-4, 1 + 1e-4)

Labelled = tuple[ImageHWC, LabelsHW]


@dataclass(frozen=True, slots=True)
class FeedingScore:
    """A reading and its mIoU and mean log loss on a few labelled images.

    The log loss is None where the order of the classes differs. `changes` tells how much of the declaration
    changes.
    """

    name: str
    miou: float
    log_loss: float | None
    changes: int


@dataclass(frozen=True, slots=True)
class Feeding:
    """The scores of all readings that could be run, the declaration first, the others best first."""

    images: int
    scores: tuple[FeedingScore, ...]

    @property
    def declared(self) -> FeedingScore:
        return self.scores[0]

    @property
    def better(self) -> FeedingScore | None:
        """The simplest of the best readings, if they are clearly better than the declaration."""
        others = self.scores[1:]
        best = max((score.miou for score in others), default=0.0)
        if best >= self.declared.miou + CLEAR_GAIN:
            near = [score for score in others if score.miou >= best - CLEAR_GAIN / 2]
            return min(near, key=lambda score: (score.changes, -score.miou))
        return next((one for one in others if self._is_other_kind(one)), None)

    def _is_other_kind(self, other: FeedingScore) -> bool:
        """Whether it differs in the kind of output, which leaves labels as they are, and is surer of them."""
        before = self.declared
        if not other.name.startswith("output.kind") or other.log_loss is None or before.log_loss is None:
            return False
        is_equal = other.miou >= before.miou - CLEAR_GAIN / 10
        return is_equal and other.log_loss < CLEAR_LOG_LOSS * before.log_loss


@dataclass(frozen=True, slots=True)
class _TriedReading:
    reading: Reading
    counts_cc: NDArray[np.int64]
    log_loss: float

    @property
    def miou(self) -> float:
        return _miou_of_reading(self.counts_cc)


def check_feeding(source: Source, declared: Declaration, split: Split) -> Feeding:
    """Score a member as declared and under the usual mistakes, on a few images of a labelled split.

    The mistakes are undone one at a time, and once more beginning with the best of them.

    Raises:
        DataError: the split has no labels.
        ModelError: the network cannot be run as declared.
    """
    network = source.network(declared.output.name)
    start = time.perf_counter()
    reference_probabilities(network, _labelled_image(split, 0)[0], declared)
    seconds = time.perf_counter() - start
    images = _spread_labelled_images(
        split, int(np.clip(SECONDS / (_RUNS_AN_IMAGE * seconds), 1, MOST_IMAGES))
    )
    if all((labels_hw == IGNORE_INDEX).all() for _, labels_hw in images):
        raise DataError("data.val: has no labelled pixel in the images that members are tried on")
    whole = _try_reading(network, Reading(AS_DECLARED, declared, 0), images)
    is_bounded = _is_bounded(network, declared, images[0][0])
    tried = _try_all_readings(
        network, list(readings_of(declared, source.facts, is_bounded=is_bounded)), images
    )
    best = max(tried, key=lambda one: one.miou, default=whole)
    is_clear = best.miou >= whole.miou + CLEAR_GAIN
    if is_clear and time.perf_counter() - start < SECONDS:
        again = readings_of(best.reading.declared, source.facts, is_bounded=is_bounded)
        tried += _try_all_readings(network, _join_readings(best.reading, again, declared), images)
    told_apart = declared.classes.told_apart
    known = [
        c.name
        for c, label in zip(declared.classes.ours, told_apart, strict=True)
        if told_apart.count(label) == 1
    ]
    names = [*known, *(["other classes"] if len(known) < len(told_apart) else [])]
    scores = [FeedingScore(one.reading.name, one.miou, one.log_loss, one.reading.changes) for one in tried]
    scores += [
        score
        for one in ((whole, best) if is_clear else (whole,))
        for score in _scores_in_other_class_orders(one, names)
    ]
    ranked = sorted(dict.fromkeys(scores), key=lambda score: -score.miou)
    return Feeding(len(images), (FeedingScore(AS_DECLARED, whole.miou, whole.log_loss, 0), *ranked))


def _spread_labelled_images(split: Split, count: int) -> list[Labelled]:
    step = max(1, len(split.samples) // count)
    return [_labelled_image(split, index) for index in range(0, len(split.samples), step)[:count]]


def _labelled_image(split: Split, index: int) -> Labelled:
    return read_sample(split.samples[index]), split.labels(index)


def _join_readings(best: Reading, others: Iterable[Reading], declared: Declaration) -> list[Reading]:
    """The best reading with each of the others, without those that lead back to the declaration."""
    changed = best.name.split(":")[0]
    return [
        Reading(f"{best.name}; {other.name}", other.declared, best.changes + other.changes)
        for other in others
        if other.declared != declared and other.name.split(":")[0] != changed
    ]


def _try_all_readings(
    network: RawNetwork, readings: Sequence[Reading], images: Sequence[Labelled]
) -> list[_TriedReading]:
    """The readings that the network can be run with."""
    tried = []
    with progress("fed rightly?", len(readings), unit="readings") as advance:
        for reading in readings:
            with contextlib.suppress(ModelError):
                tried.append(_try_reading(network, reading, images))
            advance()
    return tried


def _try_reading(network: RawNetwork, reading: Reading, images: Sequence[Labelled]) -> _TriedReading:
    told_apart = np.array(reading.declared.classes.told_apart)
    classes = int(told_apart.max()) + 1
    counts_cc = np.zeros((classes, classes), dtype=np.int64)
    losses: list[NDArray[np.float32]] = []
    for image_hwc, labels_hw in images:
        probabilities_chw = reference_probabilities(network, image_hwc, reading.declared)
        known = labels_hw != IGNORE_INDEX
        truth_n = told_apart[labels_hw[known]]
        probabilities_cn = np.zeros((classes, len(truth_n)), dtype=np.float32)
        np.add.at(probabilities_cn, told_apart, probabilities_chw[:, known])
        cells = truth_n * classes + probabilities_cn.argmax(0)
        counts_cc += np.bincount(cells, minlength=classes**2).reshape(classes, classes)
        own_n = np.take_along_axis(probabilities_cn, truth_n[None], axis=0)
        losses.append(-np.log(np.maximum(own_n, _LEAST_PROBABILITY)).ravel())
    return _TriedReading(reading, counts_cc, float(np.concatenate(losses).mean()))


def _miou_of_reading(counts_cc: NDArray[np.int64]) -> float:
    """mIoU over the classes that truth or prediction has."""
    hit, union = counts_cc.diagonal(), counts_cc.sum(0) + counts_cc.sum(1) - counts_cc.diagonal()
    return float((hit[union > 0] / union[union > 0]).mean())


def _is_bounded(network: RawNetwork, declared: Declaration, image_hwc: ImageHWC) -> bool:
    """Whether what the network returns for an image, or its first cell, lies in 0..1."""
    fed = declared.input
    if fed.mode != "resize":
        height, width = fed.size_hw or (fed.stride * 4, fed.stride * 4)
        image_hwc = np.resize(image_hwc[:height, :width], (height, width, 3))
    raw = network(prepare_reference_input(image_hwc, fed))
    return bool(_UNIT[0] <= raw.min() and raw.max() <= _UNIT[1])


def _scores_in_other_class_orders(tried: _TriedReading, names: Sequence[str]) -> Iterator[FeedingScore]:
    """Classes shifted by one, and in the order in which they fit best."""
    classes = len(names)
    prefix = "" if tried.reading.name == AS_DECLARED else f"{tried.reading.name}; "
    for step in (1, -1):
        shifted = np.roll(np.arange(classes), -step)
        first = f"{names[shifted[0]]} is {names[0]}"
        yield _score_in_class_order(tried, f"{prefix}classes shifted by one ({first})", shifted, 1)
    order = _best_class_order(tried.counts_cc)
    moved = [f"{names[old]} is {names[new]}" for new, old in enumerate(order) if new != old]
    if moved:
        best = _score_in_class_order(tried, f"{prefix}classes: {', '.join(moved)}", order, len(moved))
        if best.miou >= tried.miou + CLEAR_ORDER_GAIN:
            yield best


def _score_in_class_order(
    tried: _TriedReading, name: str, order: NDArray[np.intp], moved: int
) -> FeedingScore:
    """The score where what was predicted as class `order[c]` is class c."""
    return FeedingScore(
        name, _miou_of_reading(tried.counts_cc[:, order]), None, tried.reading.changes + moved
    )


def _best_class_order(counts_cc: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each class the predicted class that overlaps it most, each once, the best first."""
    union_cc = counts_cc.sum(1)[:, None] + counts_cc.sum(0)[None] - counts_cc
    classes = len(counts_cc)
    # Classes that overlap none stay where they are.
    iou_cc = counts_cc / np.maximum(union_cc, 1) + 1e-9 * np.eye(classes)
    order = np.full(classes, -1, dtype=np.intp)
    taken = np.zeros(classes, dtype=bool)
    for cell in np.argsort(-iou_cc, axis=None, kind="stable"):
        truth, predicted = divmod(int(cell), classes)
        if order[truth] < 0 and not taken[predicted]:
            order[truth], taken[predicted] = predicted, True
    return order
