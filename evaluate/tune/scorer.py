"""mIoU of any mixture, from passes that are already there: no network is called.

A mixture is merged by the engine's own merges, so that a figure here is what `seg ensemble` gets. Fitting
looks at the same random labelled pixels of each image every time, and merges there even where the spec merges
where decoders end; what was chosen is judged on all of them, merged where the spec says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import Decision
from seg.evaluate.cache.merge import Frames, Seen
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.passes import Passes
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.labels import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.progress import progress
from seg.views import ViewName

MOST_BYTES: Final = 2**28
"""What the sampled probabilities of all passes may take, a byte each."""

MOST_PIXELS: Final = 2000
"""Of one image: more tell little that is new, as neighbours agree."""

CountsICC = NDArray[np.int64]
"""Pixel counts of each image, int64 `[I, C, C]`: truth by prediction."""


def miou(counts_icc: CountsICC) -> float:
    """mIoU over all images of the counts together; classes without a pixel are left out."""
    counts_cc = counts_icc.sum(0)
    hit = np.diag(counts_cc)
    union = counts_cc.sum(0) + counts_cc.sum(1) - hit
    present = union > 0
    return float((hit[present] / union[present]).mean()) if present.any() else float("nan")


@dataclass(frozen=True)
class Scorer:
    """Random labelled pixels of images, with the answers of all passes there.

    Attributes:
        labels_in: uint8 `[I, n]`.
        answers: levels by member and view, uint8 `[I, C, n]`.
    """

    names: tuple[str, ...]
    views: tuple[Views, ...]
    labels_in: NDArray[np.uint8]
    answers: dict[tuple[int, ViewName], NDArray[np.uint8]]

    @cached_property
    def classes(self) -> int:
        return int(next(iter(self.answers.values())).shape[1])

    def of_images(self, images: Sequence[int]) -> Self:
        """The same for some of the images."""
        chosen = list(images)
        answers = {key: values[chosen] for key, values in self.answers.items()}
        return type(self)(self.names, self.views, self.labels_in[chosen], answers)

    def thinned(self, every: int) -> Self:
        """The same with one in so many pixels."""
        answers = {key: values[..., ::every] for key, values in self.answers.items()}
        return type(self)(self.names, self.views, self.labels_in[:, ::every], answers)

    def miou(self, mixture: Mixture) -> float:
        return miou(self.counts(mixture))

    def counts(self, mixture: Mixture) -> CountsICC:
        """Sampled pixels of each image, truth by prediction."""
        predicted_in = self.predict(mixture)
        images, classes = len(self.labels_in), self.classes
        cells = np.arange(images)[:, None] * classes**2 + self.labels_in * np.intp(classes) + predicted_in
        return np.bincount(cells.ravel(), minlength=images * classes**2).reshape(images, classes, classes)

    def predict(self, mixture: Mixture) -> NDArray[np.uint8]:
        """Labels of the sampled pixels, uint8 `[I, n]`."""
        return label_passes(mixture, self._frames)

    def merged(self, mixture: Mixture) -> ProbabilitiesCHW:
        """Merged probabilities of the sampled pixels, float32 `[C, I, n]`."""
        return self._frames.merged(mixture)

    @cached_property
    def _frames(self) -> Frames:
        """All images side by side as one frame, `[C, I, n]`."""
        return Frames(lambda member, view: self.answers[member, view].transpose(1, 0, 2))


def sample_pixels(passes: Passes, seed: int = 0) -> Scorer:
    """Draw the same number of labelled pixels from every image that has any."""
    keys = [(member, view) for member, views in enumerate(passes.views) for view in views]
    count = min(MOST_PIXELS, MOST_BYTES // (len(keys) * passes.classes * max(1, passes.images)))
    random = np.random.default_rng(seed)
    labels: list[LabelsHW] = []
    answers: dict[tuple[int, ViewName], list[NDArray[np.uint8]]] = {key: [] for key in keys}
    with progress("sample", passes.images, unit="images") as advance:
        for image in range(passes.images):
            truth = passes.labels(image).ravel()
            known = np.flatnonzero(truth != IGNORE_INDEX)
            if known.size:
                pixels = random.choice(known, count)
                labels.append(truth[pixels])
                seen = passes.seen(image)
                for member, view in keys:
                    planes = seen.levels(member, view).reshape(passes.classes, -1)
                    answers[member, view].append(planes[:, pixels])
            advance()
    stacked = {key: np.stack(values) for key, values in answers.items()}
    return Scorer(passes.names, passes.views, np.stack(labels), stacked)


def count_all(passes: Passes, mixtures: Sequence[Mixture], images: Iterable[int]) -> list[CountsICC]:
    """Counts of every mixture over all pixels of some images, each pass read once an image."""
    counted: list[list[NDArray[np.int64]]] = [[] for _ in mixtures]
    for image in images:
        truth_hw = passes.labels(image)
        seen = passes.seen(image)
        for counts, mixture in zip(counted, mixtures, strict=True):
            matrix = ConfusionMatrix(passes.classes).add(truth_hw, label_passes(mixture, seen))
            counts.append(matrix.counts_cc)
    return [np.stack(counts) for counts in counted]


def label_passes(mixture: Mixture, seen: Seen) -> LabelsHW:
    """Labels uint8 `[H, W]`."""
    return Decision(factors=mixture.factors).labels(seen.merged(mixture))
