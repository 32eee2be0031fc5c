"""The time of each stage of an ensemble, measured on a few images."""

from collections.abc import Sequence

from seg.data import Sample
from seg.data.images.read_sample import read_sample
from seg.engine import Ensemble
from seg.engine.jobs.summary import STREAM_STAGES
from seg.engine.pipeline.timing import Clock, Stage
from seg.image_type import ImageHWB


def time_ensemble_stages(ensemble: Ensemble, samples: tuple[Sample, ...]) -> dict[Stage, float]:
    """The share of each stage in the time of these images, from pixels to label maps."""
    images = [(sample.id, read_sample(sample)) for sample in samples]
    _label_with_clock(ensemble, images[:1], Clock())
    clock = Clock()
    _label_with_clock(ensemble, images, clock)
    busy = sum(clock.seconds[stage] for stage in STREAM_STAGES)
    return {stage: clock.seconds[stage] / busy for stage in STREAM_STAGES if clock.seconds[stage] > 0}


def _label_with_clock(ensemble: Ensemble, images: Sequence[tuple[str, ImageHWB]], clock: Clock) -> None:
    for _ in ensemble.label_all(images, lambda *_: None, clock=clock):
        pass
