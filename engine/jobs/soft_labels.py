"""Soft labels: an ensemble's probabilities, stored for distillation."""

from collections.abc import Iterator, Sequence

from seg.data import Sample
from seg.data.images.read_sample import read_sample
from seg.engine.ensemble import Ensemble
from seg.files.atomic import remove_all_leftovers
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.soft_labels import SoftLabels
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress


def make_soft_labels(spec: EnsembleSpec, samples: Sequence[Sample], kept: SoftLabels) -> int:
    """Predict the images that have no soft labels yet, with all members and views; returns their number.

    Raises:
        ModelError, MissingRuntimeError: a member cannot be loaded, or has other classes than the dataset.
        DataError: an image cannot be read.
    """
    missing = [sample for sample in samples if not kept.has(sample.image)]
    if not missing:
        return 0
    remove_all_leftovers(kept.folder)
    ensemble = Ensemble.load(spec)

    def keep(sample: Sample, probabilities_chw: ProbabilitiesCHW) -> None:
        kept.put(sample.image, probabilities_chw)

    with progress("soft labels", len(samples), unit="images", done=len(samples) - len(missing)) as advance:
        for note in ensemble.notes:
            advance(0, line=note)
        for _ in ensemble.predict_all(_read_images_of_samples(missing), keep):
            advance()
    return len(missing)


def _read_images_of_samples(samples: Sequence[Sample]) -> Iterator[tuple[Sample, ImageHWB]]:
    return ((sample, read_sample(sample)) for sample in samples)
