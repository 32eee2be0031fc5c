"""What early exit by tiles saves, and what it changes, on images that it was not calibrated on.

    python -m benchmarks.prediction.stopping_by_tiles slides.yaml --split predict --side 1024 --count 12

The spec has `tile`. Images are cut into regions of `--side`, of which `--count` are drawn at random. Those of
every second image calibrate, the others are measured. All passes of all tiles are run once; what each
tolerance saves and changes is read from them, as a run that stops has the same passes and labels
(tests/engine/jobs/test_stopping_by_tiles.py). Prints Markdown.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import numpy as np

from seg.data import Sample, Split, open_split
from seg.data.images.read_sample import open_sample, size_of_sample
from seg.data.regions.region_split import split_in_regions
from seg.engine import Ensemble
from seg.engine.early_exit.rules import CalibratedRule
from seg.engine.early_exit.traces import AnyTrace, TiledPassTrace, Units, estimate_risk, risks_by_group
from seg.engine.jobs.calibration.calibrate import rank_passes_to_calibrate
from seg.engine.jobs.calibration.trace_tiles import trace_tiles
from seg.spec import load_ensemble
from seg.terminal.progress import progress

TOLERANCES: Final = (0.001, 0.002, 0.005, 0.01)


def drawn_regions(whole: Split, side: int, count: int | None) -> list[Sample]:
    """Regions at random: one of every second image, one of the others, and so on."""
    sizes = [None if sample.region else size_of_sample(sample) for sample in whole.samples]
    samples = split_in_regions(whole, sizes, (side, side)).samples
    images = sorted({sample.image for sample in samples})
    shuffled = random.Random(0).sample(samples, len(samples))
    halves = [[one for one in shuffled if images.index(one.image) % 2 == half] for half in (0, 1)]
    return [one for pair in zip(*halves, strict=False) for one in pair][:count]


def trace_all(ensemble: Ensemble, samples: Sequence[Sample]) -> list[TiledPassTrace]:
    pass_order = ensemble.passes_in_order(rank_passes_to_calibrate(ensemble, samples))
    traces = []
    with progress("trace", len(samples), unit="regions") as advance:
        found = trace_tiles(ensemble, map(open_sample, samples), pass_order)
        for sample, trace in zip(samples, found, strict=True):
            traces.append(replace(trace, group=str(sample.image)))
            advance()
    return traces


def print_stopping_by_tiles(
    known: Sequence[AnyTrace], fresh: Sequence[AnyTrace], tolerance: float, units: Units
) -> None:
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
    samples = drawn_regions(open_split(spec.data, asked.split), asked.side, asked.count)
    traces = trace_all(ensemble, samples)
    known, fresh = traces[::2], traces[1::2]
    print(f"\n{len(known)} regions to calibrate on, {len(fresh)} others, {ensemble.passes} passes a tile\n")
    print("| tolerance | calibrated on | passes saved | times fewer | labels changed | in the worst |")
    print("|---|---|---:|---:|---:|---:|")
    for units in get_args(Units):
        for tolerance in TOLERANCES:
            print_stopping_by_tiles(known, fresh, tolerance, units)


if __name__ == "__main__":
    main()
