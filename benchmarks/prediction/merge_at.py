"""Merging where decoders end beside merging at the size of the image: labels, mIoU and time.

    python -m benchmarks.prediction.merge_at ensembles/camvid.yaml --views hflip d4

Both ways answer all validation images once, which gives labels and mIoU. Then they take turns in many short
rounds of a few images; seconds are medians, and ratios those within a round.
"""

import argparse
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2

from benchmarks.prediction.engine import TIMED, Contender, Track, equal_labels, with_engine
from seg.data import open_split
from seg.engine import Ensemble
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import MergePlace
from seg.views import VIEW_SETS, ViewSetName

PLACES: Sequence[MergePlace] = ("image", "decoder")


def contenders_for(spec: EnsembleSpec) -> list[Contender]:
    found = []
    for place in PLACES:
        ensemble = Ensemble.load(spec.model_copy(update={"merge_at": place}))
        print(*(f"- {place}: {note}" for note in ensemble.notes), sep="\n")
        found.append(Contender(place, partial(with_engine, ensemble)))
    return found


def merge_at_row(spec: EnsembleSpec, views: ViewSetName, rounds: int) -> str:
    spec = spec.model_copy(update={"views": VIEW_SETS[views]})
    track = Track.of(spec, len(open_split(spec.data, "val").samples))
    image, decoder = both = contenders_for(spec)
    for one in both:
        one.answer = one.run(track.images)
    for number in range(rounds):
        first = number * TIMED % (len(track.images) - TIMED + 1)
        for one in both if number % 2 == 0 else reversed(both):
            one.race(track.images[first : first + TIMED])
    seconds = [statistics.median(one.seconds) for one in both]
    faster = statistics.median(a / b for a, b in zip(image.seconds, decoder.seconds, strict=True))
    mious = [track.miou(one.answer) for one in both]
    cells = [f"{equal_labels(image.answer, decoder.answer):.2%}", *(f"{one:.4f}" for one in mious)]
    return f"| {views} | {' | '.join([*cells, *(f'{one:.3f}' for one in seconds), f'{faster:.2f}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--views", nargs="+", choices=list(VIEW_SETS), default=["hflip", "d4"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    spec = load_ensemble(options.spec)
    rows = [merge_at_row(spec, views, options.rounds) for views in options.views]
    print("\n| views | labels equal | mIoU, image | decoder | s an image, image | decoder | times faster |")
    print("|---|---:|---:|---:|---:|---:|---:|", *rows, sep="\n")


if __name__ == "__main__":
    main()
