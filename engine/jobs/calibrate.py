"""Calibration of early exit: how many labels still change once the uncertain share is at a level.

It needs no labels, only images like those to predict that the members were not trained on. They run all
passes.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data import Sample, open_split
from seg.data.groups import group_images
from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample, read_sample
from seg.engine.early_exit.rounds import round_ends
from seg.engine.early_exit.rules import Margins, MissingC, RecordedMargins, Rule, Stopping, uncertainty_level
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.merging.decision import Decision
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.pipeline.prefetch import Reader
from seg.engine.pipeline.timing import Clock
from seg.engine.resolved import resolve_ensemble
from seg.errors import SpecError
from seg.image_type import ImageHWB
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.spec import EnsembleSpec
from seg.spec.ensemble.compatibility import refuse_exclusions
from seg.spec.ensemble.prediction import DOUBT_LEVELS, CalibrationSpec, StoppingSpec
from seg.terminal.progress import progress

DIGITS: Final = 6

MAX_RANKED: Final = 8
"""The most images on which passes are ranked."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The record of one image that ran all passes.

    Images of one `group` resemble one another, and count as one; without it, an image is alone.
    `checkpoints` are numbers of passes; `margins[k]` and `losses[k]` belong to checkpoint k. A loss is the
    share of labels that differs from the final ones.
    """

    passes: int
    checkpoints: tuple[int, ...]
    margins: tuple[RecordedMargins, ...]
    losses: tuple[float, ...]
    group: str | None = None

    def replay(self, rule: Rule) -> tuple[int, float]:
        """The number of passes after which the rule would have stopped, and the loss there."""
        for taken, now, loss in zip(self.checkpoints, self.margins, self.losses, strict=True):
            if rule.settles(now):
                return taken, loss
        return self.passes, 0.0

    def risks(self) -> list[float]:
        """For each level the largest loss from the first checkpoint on with at most its uncertain share."""
        risks = [0.0] * len(DOUBT_LEVELS)
        worst_later = 0.0
        for now, loss in reversed(list(zip(self.margins, self.losses, strict=True))):
            worst_later = max(worst_later, loss)
            level = uncertainty_level(now.uncertain_share)
            risks[level:] = [worst_later] * (len(DOUBT_LEVELS) - level)
        return risks


def calibrate_ensemble(
    spec: EnsembleSpec, split: Literal["val", "predict"] = "val", count: int | None = None
) -> tuple[CalibrationSpec, list[Trace]]:
    """Calibrate the early exit of an ensemble on some images.

    Args:
        split: of the images. Groups of `val` count as one image each. Images to predict count alone, since
            it is over them that labels changed are averaged.
        count: the number of images, drawn at random; by default all.

    Raises:
        SpecError: stopping is not compatible with the spec's merge or tiles, or there are fewer images.
        DataError, ModelError, MissingRuntimeError: one line that names the fix.
    """
    refuse_exclusions(spec.model_copy(update={"stopping": StoppingSpec()}))
    samples = _random_samples(open_split(spec.data, split).samples, count)
    resolved = resolve_ensemble(spec)
    ensemble = Ensemble.of(resolved)
    order = _rank_passes(ensemble, samples[:: max(1, len(samples) // MAX_RANKED)][:MAX_RANKED])
    traces: list[Trace] = []
    with progress("calibrate", len(samples), unit="images") as advance:
        images = (image_hwc for _, image_hwc in Reader(open_sample, Clock(), strict=True).read(samples))
        passes = ensemble.passes_in_order(order)

        def name_of(number: int) -> str:
            return samples[number].id

        for trace in trace_images(ensemble, images, spec.output.size, passes, name_of):
            traces.append(trace)
            advance()
    if split == "val":
        groups = group_images(samples, spec.data.group).labels
        traces = [replace(trace, group=group) for trace, group in zip(traces, groups, strict=True)]
    calibration = CalibrationSpec(
        images=len(traces),
        groups=len(risks_by_group(traces)),
        order=order,
        risk=estimate_risk(traces),
        fingerprint=ensemble_fingerprint(resolved),
    )
    return calibration, traces


def _random_samples(samples: Sequence[Sample], count: int | None) -> Sequence[Sample]:
    if count is None:
        return samples
    if count > len(samples):
        raise SpecError(f"--count: {count} images are requested, but there are only {len(samples)}")
    return random.Random(0).sample(samples, count)


def _rank_passes(ensemble: Ensemble, samples: Sequence[Sample]) -> tuple[int, ...]:
    with progress("order of passes", len(samples), unit="images") as advance:
        for note in ensemble.notes:
            advance(0, line=note)

        def images() -> Iterator[tuple[str, ImageHWB]]:
            for sample in samples:
                yield sample.id, read_sample(sample)
                advance()

        return ensemble.rank_in_rounds(images())


def trace_images(
    ensemble: Ensemble,
    images: Iterable[Raster],
    grid_hw: Size | None,
    pass_order: PassOrder,
    name_of: Callable[[int], str] = str,
) -> Iterable[Trace]:
    """Run all passes of images and record the margins of each after every round of the pass order."""
    recorders: list[_Recorder] = []
    decision = ensemble.decision(grid_hw)
    checkpoints = round_ends(pass_order)

    def new_recorder() -> _Recorder:
        recorders.append(_Recorder(decision))
        return recorders[-1]

    def trace(number: int, final_hw: LabelsHW) -> Trace:
        recorder = recorders[number]
        losses = tuple(float((labels_hw != final_hw).mean()) for labels_hw in recorder.labels)
        recorder.labels.clear()
        return Trace(len(pass_order), checkpoints, tuple(recorder.margins), losses)

    return ensemble.label_all(
        enumerate(images),
        trace,
        grid_hw=grid_hw,
        stopping=Stopping(pass_order, checkpoints, new_recorder),
        name_of=name_of,
    )


def estimate_risk(traces: Sequence[Trace]) -> tuple[float, ...]:
    """The mean risk over groups of images at each level, rounded up."""
    return rounded_up(np.mean(list(risks_by_group(traces).values()), axis=0))


def risks_by_group(traces: Sequence[Trace]) -> dict[str | int, NDArray[np.float64]]:
    """The mean risk over the images of each group at each level; an image without group is one."""
    risks: dict[str | int, list[list[float]]] = {}
    for number, trace in enumerate(traces):
        risks.setdefault(number if trace.group is None else trace.group, []).append(trace.risks())
    return {group: np.asarray(np.mean(listed, axis=0)) for group, listed in risks.items()}


def rounded_up(risk: NDArray[np.float64]) -> tuple[float, ...]:
    """Round up to the number of digits in a spec."""
    return tuple(float(value) for value in np.ceil(risk * 10**DIGITS) / 10**DIGITS)


@dataclass(slots=True)
class _Recorder:
    """A monitor that never stops an image and records its margins and labels at each checkpoint."""

    decision: Decision
    margins: list[RecordedMargins] = field(default_factory=list)
    labels: list[LabelsHW] = field(default_factory=list)

    def is_settled(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        self.margins.append(Margins(sum_chw, missing_c, self.decision).recorded())
        self.labels.append(self.decision.labels(sum_chw))
        return False
