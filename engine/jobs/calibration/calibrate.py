"""Calibration of early exit: how many labels still change once the uncertain share is at a level.

It needs no labels, only images like those to predict that the members were not trained on. They run all
passes.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from seg.data import Sample, open_split
from seg.data.groups import group_images
from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample
from seg.data.regions.large_images import cut_large_images
from seg.data.splits.split import Split
from seg.engine.early_exit.rounds import rank_passes_in_rounds, round_ends
from seg.engine.early_exit.rules import Margins, MissingC, RecordedMargins, Stopping
from seg.engine.early_exit.traces import AnyTrace, PassTrace, Units, estimate_risk, risks_by_group
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.calibration.trace_tiles import trace_tiles
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.merging.decision import Decision
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.pipeline.prefetch import PrefetchReader
from seg.engine.pipeline.timing import Clock
from seg.engine.resolved import resolve_ensemble
from seg.errors import SpecError
from seg.image_type import ImageHWB
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.spec import EnsembleSpec
from seg.spec.ensemble.compatibility import refuse_exclusions
from seg.spec.ensemble.prediction import CalibrationSpec, StoppingSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise

MAX_RANKED: Final = 8
"""The most images on which passes are ranked."""

RANKED_TILES: Final = 2
"""The most tiles of each of them."""


def calibrate_ensemble(
    spec: EnsembleSpec,
    split: Literal["val", "predict"] = "val",
    count: int | None = None,
    units: Units = "images",
    tolerance: float | None = None,
) -> tuple[CalibrationSpec, Sequence[AnyTrace]]:
    """Calibrate the early exit of an ensemble on some images.

    Args:
        split: of the images. Groups of `val` count as one image each. Images to predict count alone, since
            it is over them that labels changed are averaged. Regions of an image count as that image.
        count: the number of images, or of regions of large ones, drawn at random; by default all.
        units: whether images count as one, or the tiles that they are cut into.
        tolerance: with tiles, refuse a number of units that cannot bound it, before any pass is run if it is
            known by then.

    Raises:
        SpecError: stopping is not compatible with the spec's merge, there are fewer images, or too few units.
        DataError, ModelError, MissingRuntimeError: one line that names the fix.
    """
    refuse_exclusions(spec.model_copy(update={"stopping": StoppingSpec()}))
    if spec.tile is None and units == "tiles":
        raise SpecError("--units tiles: the spec has no 'tile': its images count as one each")
    samples = _samples_to_calibrate(_open_images_to_calibrate(spec, split).samples, count)
    groups = _groups_of_samples(samples, spec, split)
    if spec.tile and units == "images":
        _check_units_bound_tolerance(len(set(groups)), "image", tolerance)
    resolved = resolve_ensemble(spec)
    ensemble = Ensemble.of(resolved)
    order = rank_passes_to_calibrate(ensemble, samples)
    traces: list[AnyTrace] = []
    with progress("calibrate", len(samples), unit="images") as advance:
        images = (
            image_hwc for _, image_hwc in PrefetchReader(open_sample, Clock(), strict=True).read(samples)
        )
        passes = ensemble.passes_in_order(order)

        def name_of(number: int) -> str:
            return samples[number].id

        found: Iterable[AnyTrace] = (
            trace_tiles(ensemble, images, passes, name_of)
            if spec.tile
            else trace_whole_images(ensemble, images, spec.output.size, passes, name_of)
        )
        for trace, group in zip(found, groups, strict=True):
            traces.append(replace(trace, group=group))
            advance()
    risks = risks_by_group(traces, units)
    tiles = sum(map(len, risks.values())) if units == "tiles" else None
    if tiles:
        _check_units_bound_tolerance(tiles, "tile", tolerance)
    calibration = CalibrationSpec(
        images=len(traces),
        groups=len(risks),
        tiles=tiles,
        order=order,
        risk=estimate_risk(traces, units),
        fingerprint=ensemble_fingerprint(resolved),
    )
    return calibration, traces


def _open_images_to_calibrate(spec: EnsembleSpec, split: Literal["val", "predict"]) -> Split:
    """The images of a split, large ones in regions if they are predicted in tiles."""
    opened = open_split(spec.data, split)
    return cut_large_images(opened) if spec.tile else opened


def _groups_of_samples(
    samples: Sequence[Sample], spec: EnsembleSpec, split: Literal["val", "predict"]
) -> Sequence[str]:
    if split == "val":
        return group_images(samples, spec.data.group).labels
    return [str(sample.image) for sample in samples]


def _check_units_bound_tolerance(units: int, unit: str, tolerance: float | None) -> None:
    """Raise SpecError if so many units cannot bound the share of labels that differ by the tolerance."""
    if tolerance is None or (units + 1) * tolerance >= 1:
        return
    if tolerance == 0:
        raise SpecError("--tolerance 0: beside 'tile' a calibration is for a tolerance above 0")
    advice = (
        ", or `--units tiles`, if tiles to predict are like tiles drawn at random from these images"
        if unit == "image"
        else ""
    )
    raise SpecError(
        f"{pluralise(units, unit)} cannot show that on average at most {tolerance:.3%} of the labels differ:"
        f" needs {math.ceil(1 / tolerance) - 1} or more{advice}"
    )


def _samples_to_calibrate(samples: Sequence[Sample], count: int | None) -> Sequence[Sample]:
    if count is None:
        return samples
    if count > len(samples):
        raise SpecError(f"--count: {count} images are requested, but there are only {len(samples)}")
    return random.Random(0).sample(samples, count)


def rank_passes_to_calibrate(ensemble: Ensemble, samples: Sequence[Sample]) -> tuple[int, ...]:
    """The order of the passes, found on a few of the images, or on a few tiles of some."""
    ranked = samples[:: max(1, len(samples) // MAX_RANKED)][:MAX_RANKED]
    with progress("order of passes", len(ranked), unit="images") as advance:
        for note in ensemble.notes:
            advance(0, line=note)

        def frames() -> Iterator[tuple[str, ImageHWB]]:
            for sample in ranked:
                image_hwc = open_sample(sample)
                layout = lay_out_tiles(image_hwc.shape[:2], ensemble.tile)
                for tile in random.Random(0).sample(range(layout.count), min(RANKED_TILES, layout.count)):
                    yield sample.id, np.ascontiguousarray(layout.tile(image_hwc, tile))
                advance()

        return rank_passes_in_rounds(ensemble.members, frames(), ensemble.factors)


def trace_whole_images(
    ensemble: Ensemble,
    images: Iterable[Raster],
    grid_hw: Size | None,
    pass_order: PassOrder,
    name_of: Callable[[int], str] = str,
) -> Iterable[PassTrace]:
    """Run all passes of images and record the margins of each after every round of the pass order."""
    recorders: list[_MarginRecorder] = []
    decision = ensemble.decision(grid_hw)
    checkpoints = round_ends(pass_order)

    def new_recorder() -> _MarginRecorder:
        recorders.append(_MarginRecorder(decision))
        return recorders[-1]

    def trace(number: int, final_hw: LabelsHW) -> PassTrace:
        recorder = recorders[number]
        losses = tuple(float((labels_hw != final_hw).mean()) for labels_hw in recorder.labels)
        recorder.labels.clear()
        return PassTrace(len(pass_order), checkpoints, tuple(recorder.margins), losses)

    return ensemble.label_all(
        enumerate(images),
        trace,
        grid_hw=grid_hw,
        stopping=Stopping(pass_order, checkpoints, new_recorder),
        name_of=name_of,
    )


@dataclass(slots=True)
class _MarginRecorder:
    """A monitor that never stops an image and records its margins and labels at each checkpoint."""

    decision: Decision
    margins: list[RecordedMargins] = field(default_factory=list)
    labels: list[LabelsHW] = field(default_factory=list)

    def observe_checkpoint(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        self.margins.append(Margins(sum_chw, missing_c, self.decision).recorded())
        self.labels.append(self.decision.labels(sum_chw))
        return False
