"""What early exit by tiles saves, and what it changes, on images that it was not calibrated on.

    python -m benchmarks.prediction.stopping_by_tiles slides.yaml --split predict

The spec has `tile`. Every second image, or region of a large one, calibrates; the others are measured. All
passes of all tiles are run once, and what each tolerance saves and changes is read from them: a run that
stops has the same passes and labels (tests/engine/jobs/test_stopping_by_tiles.py). Prints Markdown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import numpy as np

from seg.data import open_split
from seg.data.images.read_sample import open_sample
from seg.data.regions.large_images import cut_large_images
from seg.engine import Ensemble
from seg.engine.early_exit.rules import CalibratedRule
from seg.engine.early_exit.traces import AnyTrace, Units, estimate_risk, risks_by_group
from seg.engine.jobs.calibrate import rank_passes
from seg.engine.jobs.trace_tiles import trace_tiles
from seg.spec import load_ensemble

TOLERANCES: Final = (0.001, 0.002, 0.005, 0.01)


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
    parser.add_argument("--count", type=int, help="images, evenly from all")
    asked = parser.parse_args()
    spec = load_ensemble(asked.spec).model_copy(update={"stopping": None})
    samples = cut_large_images(open_split(spec.data, asked.split)).samples
    samples = samples[:: max(1, len(samples) // (asked.count or len(samples)))]
    ensemble = Ensemble.load(spec)
    order = rank_passes(ensemble, samples[::2])
    traces = list(trace_tiles(ensemble, map(open_sample, samples), ensemble.passes_in_order(order)))
    known, fresh = traces[::2], traces[1::2]
    settled = np.concatenate([trace.taken[:, 0] for trace in fresh]) / ensemble.passes
    print(f"\n{len(known)} images to calibrate on, {len(fresh)} others; {ensemble.passes} passes a tile;")
    print(f"{(settled < 0.5).mean():.0%} of the tiles are free of doubt before half of their passes\n")
    print("| tolerance | calibrated on | passes saved | times fewer | labels changed | in the worst image |")
    print("|---|---|---:|---:|---:|---:|")
    for units in get_args(Units):
        for tolerance in TOLERANCES:
            print_row(known, fresh, tolerance, units)


if __name__ == "__main__":
    main()
