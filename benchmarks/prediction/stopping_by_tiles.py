"""What early exit by tiles saves, and what it changes, on images that it was not calibrated on.

    python -m benchmarks.prediction.stopping_by_tiles slides.yaml --split predict --side 1024 --count 12

The spec has `tile`. Images are cut into regions of `--side`, of which `--count` are drawn at random. Those of
the first half of the images calibrate, the others are measured. All passes of all tiles are run once; what
each tolerance saves and changes is read from them, as a run that stops has the same passes and labels
(tests/engine/jobs/test_stopping_by_tiles.py). Prints Markdown.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import numpy as np

from seg.data import Sample, open_split
from seg.data.images.read_sample import open_sample, size_of_sample
from seg.data.regions.region_split import in_regions
from seg.engine import Ensemble
from seg.engine.early_exit.rules import CalibratedRule
from seg.engine.early_exit.traces import AnyTrace, TiledTrace, Units, estimate_risk, risks_by_group
from seg.engine.jobs.calibrate import rank_passes
from seg.engine.jobs.trace_tiles import trace_tiles
from seg.spec import EnsembleSpec, load_ensemble
from seg.terminal.progress import progress

TOLERANCES: Final = (0.001, 0.002, 0.005, 0.01)


def drawn_regions(spec: EnsembleSpec, split: str, side: int, count: int | None) -> list[Sample]:
    """Regions of the images of a split, in the order of the images."""
    whole = open_split(spec.data, "val" if split == "val" else "predict")
    sizes = [None if sample.region else size_of_sample(sample) for sample in whole.samples]
    samples = in_regions(whole, sizes, (side, side)).samples
    kept = random.Random(0).sample(range(len(samples)), count or len(samples))
    return [samples[index] for index in sorted(kept)]


def trace_all(ensemble: Ensemble, samples: Sequence[Sample]) -> list[TiledTrace]:
    pass_order = ensemble.passes_in_order(rank_passes(ensemble, samples))
    traces = []
    with progress("trace", len(samples), unit="regions") as advance:
        for trace in trace_tiles(ensemble, map(open_sample, samples), pass_order):
            traces.append(trace)
            advance()
    return traces


def print_row(known: Sequence[AnyTrace], fresh: Sequence[AnyTrace], tolerance: float, units: Units) -> None:
    """What a calibration on some images saves and changes on others."""
    counted = sum(map(len, risks_by_group(known, units).values()))
    risk = estimate_risk(known, units)
    ends = [trace.replay(CalibratedRule(tolerance, counted, risk)) for trace in fresh]
    every = sum(trace.passes for trace in fresh)
    taken = sum(passes for passes, _ in ends)
    losses = [loss for _, loss in ends]
    print(
        f"| {tolerance:.1%} | {counted} {units} | {1 - taken / every:.1%} | {every / taken:.1f} |"
        f" {np.mean(losses):.3%} | {max(losses):.3%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--split", choices=["val", "predict"], default="val")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--count", type=int)
    asked = parser.parse_args()
    spec = load_ensemble(asked.spec).model_copy(update={"stopping": None})
    ensemble = Ensemble.load(spec)
    samples = drawn_regions(spec, asked.split, asked.side, asked.count)
    traces = trace_all(ensemble, samples)
    images = list(dict.fromkeys(sample.image for sample in samples))
    is_known = [images.index(sample.image) < len(images) // 2 for sample in samples]
    known = [trace for trace, one in zip(traces, is_known, strict=True) if one]
    fresh = [trace for trace, one in zip(traces, is_known, strict=True) if not one]
    print(f"\n{len(images)} images, {len(samples)} regions, {ensemble.passes} passes a tile\n")
    print("| tolerance | calibrated on | passes saved | times fewer | labels changed | in the worst |")
    print("|---|---|---:|---:|---:|---:|")
    for units in get_args(Units):
        for tolerance in TOLERANCES:
            print_row(known, fresh, tolerance, units)


if __name__ == "__main__":
    main()
