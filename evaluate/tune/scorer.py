"""mIoU of any mixture, from passes that are already there: no network is called.

A mixture is merged by the engine's own merges, so that a figure here is what `seg ensemble` gets. Fitting
looks at the same random labelled pixels of each image every time; what was chosen is judged on all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.decide import decide
from seg.engine.merge import new_merge
from seg.engine.passes import PlannedPass
from seg.engine.views import VIEWS
from seg.evaluate.cache import LEVELS, QuantisedCHW
from seg.evaluate.metrics import ConfusionMatrix
from seg.evaluate.tune.gather import Passes
from seg.evaluate.tune.mixture import Mixture, Views
from seg.labels import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.progress import progress
from seg.views import ViewName

MOST_BYTES: Final = 2**28
"""What the sampled probabilities of all passes may take as bytes, each a 1/255."""

MOST_PIXELS: Final = 2000
"""Of one image: more tell little that is new, as neighbours agree."""

Frames = Mapping[tuple[int, ViewName], ProbabilitiesCHW]
"""Upright answers by member and view, float32 `[C, H, W]` each."""

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
        answers: by member and view, uint8 `[I, C, n]`.
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
        frames = {key: self._as_frame(*key) for key in planned_keys(mixture)}
        return label_passes(mixture, frames).reshape(self.labels_in.shape)

    def _as_frame(self, member: int, view: ViewName) -> ProbabilitiesCHW:
        """All images side by side as one frame, float32 `[C, I, n]`."""
        return dequantised(self.answers[member, view].transpose(1, 0, 2))


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
                for member, view in keys:
                    planes = passes.quantised(member, view, image).reshape(passes.classes, -1)
                    answers[member, view].append(planes[:, pixels])
            advance()
    stacked = {key: np.stack(values) for key, values in answers.items()}
    return Scorer(passes.names, passes.views, np.stack(labels), stacked)


def count_all(passes: Passes, mixtures: Sequence[Mixture], images: Iterable[int]) -> list[CountsICC]:
    """Counts of every mixture over all pixels of some images, each pass read once an image."""
    wanted = {key for mixture in mixtures for key in planned_keys(mixture)}
    counted: list[list[NDArray[np.int64]]] = [[] for _ in mixtures]
    for image in images:
        truth_hw = passes.labels(image)
        frames = {key: dequantised(passes.quantised(*key, image)) for key in wanted}
        for counts, mixture in zip(counted, mixtures, strict=True):
            matrix = ConfusionMatrix(passes.classes).add(truth_hw, label_passes(mixture, frames))
            counts.append(matrix.counts_cc)
    return [np.stack(counts) for counts in counted]


def planned_keys(mixture: Mixture) -> list[tuple[int, ViewName]]:
    """The member and view of every pass that the mixture takes."""
    return [(member, view) for member in mixture.members for view in mixture.views[member]]


def label_passes(mixture: Mixture, frames: Frames) -> LabelsHW:
    """Labels uint8 `[H, W]` from upright answers."""
    return decide(merge_passes(mixture, frames))


def merge_passes(mixture: Mixture, frames: Frames) -> ProbabilitiesCHW:
    """Probabilities float32 `[C, H, W]` from upright answers."""
    keys = planned_keys(mixture)
    upright = VIEWS["identity"]
    plan = [PlannedPass(m, upright, mixture.weights[m] / len(mixture.views[m])) for m, _ in keys]
    classes, height, width = frames[keys[0]].shape
    merge = new_merge(mixture.merge, plan, classes, (height, width))
    for position, key in enumerate(keys):
        merge.add(position, frames[key])
    return merge.merged()


def dequantised(values_chw: QuantisedCHW) -> ProbabilitiesCHW:
    """Probabilities, float32, from what the cache keeps."""
    return np.ascontiguousarray(values_chw).astype(np.float32) / np.float32(LEVELS)
