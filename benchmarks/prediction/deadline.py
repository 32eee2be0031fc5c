"""What a deadline keeps of an ensemble's score, beside dropping whole members or whole views by hand.

    python -m benchmarks.prediction.deadline ensembles/camvid.yaml --images 48

Times are processor time, and so is the clock of the budget: other work on the machine does not count. Eight
validation images serve to rank passes and members, others are predicted.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seg.data import Split, open_split
from seg.data.images.read_sample import read_sample
from seg.engine import Ensemble
from seg.engine.early_exit.deadline import PassBudget
from seg.engine.early_exit.ranking import rank_passes
from seg.engine.pipeline.timing import Clock
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.image_type import ImageHWB
from seg.spec import load_ensemble

SHARES = (1.0, 0.5, 0.25)
RANKED = 8
"""Images on which passes are ranked."""

Labels = NDArray[np.uint8]


class Outcome(NamedTuple):
    """Label maps by image, processor seconds, and passes an image."""

    labels: dict[int, Labels]
    seconds: float
    passes: float


class DeadlineImages(NamedTuple):
    """Images of a split, by number."""

    split: Split
    numbers: Sequence[int]

    def read(self) -> list[tuple[int, ImageHWB]]:
        return [(number, read_sample(self.split.samples[number])) for number in self.numbers]

    def miou(self, labels: dict[int, Labels]) -> float:
        matrix = ConfusionMatrix(len(self.split.classes))
        for number in self.numbers:
            matrix.add(self.split.labels(number), labels[number])
        return matrix.scores(self.split.classes).miou


def run_with_deadline(
    ensemble: Ensemble, images: DeadlineImages, budgeted: "Budgeted | None" = None
) -> Outcome:
    arrays, clock, start = images.read(), Clock(), time.process_time()
    limits = budgeted.options(len(arrays)) if budgeted else {}
    labels = dict(
        ensemble.label_all(arrays, lambda number, labels_hw: (number, labels_hw), clock=clock, **limits)
    )
    return Outcome(labels, time.process_time() - start, clock.passes / len(arrays))


class Budgeted(NamedTuple):
    """Passes in the order of their worth, their seconds, and the seconds that a run may take."""

    ensemble: Ensemble
    positions: Sequence[int]
    seconds: Sequence[float]
    allowed: float

    def options(self, images: int) -> dict[str, Any]:
        ends_at = time.process_time() + self.allowed
        budget = PassBudget(self.seconds, images, ends_at, now=time.process_time)
        return {"pass_order": self.ensemble.passes_in_order(self.positions), "budget": budget}


def best_members(ensemble: Ensemble, images: DeadlineImages, allowed: float) -> Ensemble:
    """The members with the best scores of their own that fit into the allowed share of the time."""
    alone = {
        member.name: run_with_deadline(ensemble.only([member.name]), images) for member in ensemble.members
    }
    total = sum(outcome.seconds for outcome in alone.values())
    ranked = sorted(alone, key=lambda name: -images.miou(alone[name].labels))
    kept: list[str] = []
    for name in ranked:
        if sum(alone[one].seconds for one in (*kept, name)) <= 1.1 * allowed * total or not kept:
            kept.append(name)
    return ensemble.only(kept)


def first_views(ensemble: Ensemble, allowed: float) -> Ensemble:
    views = ensemble.members[0].views
    return ensemble.with_views(views[: max(1, round(allowed * len(views)))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--images", type=int, default=48)
    options = parser.parse_args()
    spec = load_ensemble(options.spec)
    split, ensemble = open_split(spec.data, "val"), Ensemble.load(spec)
    known = DeadlineImages(split, range(1, len(split.samples), max(2, len(split.samples) // RANKED))[:RANKED])
    even = range(0, len(split.samples), 2)
    judged = DeadlineImages(split, even[:: max(1, len(even) // options.images)][: options.images])
    pictures = [image_hwc for _, image_hwc in known.read()]
    ranked = rank_passes(ensemble.members, pictures, ensemble.batch_size, ensemble.factors)
    run_with_deadline(ensemble, known)
    whole = run_with_deadline(ensemble, judged)
    scale = whole.seconds / len(judged.numbers) / sum(ranked.seconds)
    seconds = [scale * one for one in ranked.seconds]
    print("| of the time needed | how | passes an image | time | labels equal | mIoU |")
    print("|---:|---|---:|---:|---:|---:|")

    def show(share: float, how: str, outcome: Outcome) -> None:
        equal = np.mean([np.mean(outcome.labels[n] == whole.labels[n]) for n in judged.numbers])
        time_share = outcome.seconds / whole.seconds
        figures = f"{outcome.passes:.1f} | {time_share:.2f} | {equal:.2%} | {judged.miou(outcome.labels):.4f}"
        print(f"| {share:g} | {how} | {figures} |", flush=True)

    show(1, "all passes", whole)
    for share in SHARES:
        budgeted = Budgeted(ensemble, ranked.positions, seconds, share * whole.seconds)
        show(share, "`--deadline`", run_with_deadline(ensemble, judged, budgeted))
        if share < 1:
            show(
                share,
                "whole members dropped",
                run_with_deadline(best_members(ensemble, known, share), judged),
            )
            show(share, "whole views dropped", run_with_deadline(first_views(ensemble, share), judged))


if __name__ == "__main__":
    main()
