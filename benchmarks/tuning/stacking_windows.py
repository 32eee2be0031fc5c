"""Whether a stacking that also sees the neighbours of a pixel, a 3x3 convolution, beats one that does not.

    python -m benchmarks.tuning.stacking_windows folds.yaml --on folds
    python -m benchmarks.tuning.stacking_windows team.yaml

fits both on a random half of the images, or of their groups, and judges them on the other half, on top of
weights by score. Both are the regression of `seg tune`, with the same penalty; a window has nine times as
many coefficients.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.groups import group_images
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.fits.stacking import fit_stacking
from seg.evaluate.tune.out_of_fold import open_out_of_fold
from seg.evaluate.tune.scorer import count_pixels_of_images, tallies_of_counts
from seg.labels.label_map import IGNORE_INDEX
from seg.metrics.from_counts import CountedMetric, open_counted_metric
from seg.spec import load_ensemble

WINDOWS: Final = {"1x1": (4,), "3x3": tuple(range(9))}
"""Which of nine pixels, row by row, each form sees."""

STRENGTHS: Final = (0.125, 0.25, 0.5, 1.0)
PIXELS: Final = 10_000
"""Of all images."""

HALVES: Final = 4

WindowsMKCIN = NDArray[np.float32]
"""Probabilities of M members and C classes at K=9 neighbours of n pixels of I images."""


def main(
    path: Annotated[Path, typer.Argument(help="The ensemble's YAML.")],
    on: Annotated[Literal["val", "folds"], typer.Option()] = "val",
) -> None:
    spec, cache = load_ensemble(path), ProbabilityCache()
    passes: LabelledPasses = (
        open_out_of_fold(spec, cache)
        if on == "folds"
        else open_cached_passes(spec, open_split(spec.data, "val"), cache)
    )
    split = passes.split
    metric = open_counted_metric(spec.metric, split.classes, spec.data.task)
    windows_mkcin, labels_in = _sample_pixel_windows(passes)
    group_i = number_groups(group_images(split.samples, spec.data.group).labels)
    typer.echo("| halves of | form | " + " | ".join(f"at {one:g}" for one in STRENGTHS) + " |")
    typer.echo("|---|---|" + "---:|" * len(STRENGTHS))
    for halves_of, unit_i in (("groups", group_i), ("images", np.arange(len(group_i)))):
        gains: dict[str, list[list[float]]] = defaultdict(list)
        for half in range(HALVES):
            units = np.random.default_rng(half).permutation(unit_i.max() + 1)
            fitted_i = np.isin(unit_i, units[: len(units) // 2])
            for form, gain in _gains_of_window_forms(windows_mkcin, labels_in, fitted_i, metric):
                gains[form].append(gain)
        for form, rows in gains.items():
            cells = [f"{np.mean(one):+.2f} ± {np.std(one):.2f}" for one in zip(*rows, strict=True)]
            typer.echo(f"| {halves_of} | {form} | {' | '.join(cells)} |")


def _sample_pixel_windows(passes: LabelledPasses) -> tuple[WindowsMKCIN, NDArray[np.uint8]]:
    """Random labelled pixels that are not at an edge, with their neighbours."""
    random = np.random.default_rng(0)
    count = max(1, PIXELS // passes.images)
    windows, labels = [], []
    for image in range(passes.images):
        truth_hw = passes.labels(image)
        rows, columns = np.nonzero(truth_hw[1:-1, 1:-1] != IGNORE_INDEX)
        chosen = random.integers(0, len(rows), count)
        rows, columns = rows[chosen] + 1, columns[chosen] + 1
        cached_image = passes.cached_image(image)
        members = [cached_image.merged(Mixture.single(one, passes.views)) for one in range(len(passes.views))]
        windows.append(
            [
                [chw[:, rows + down, columns + right] for down in (-1, 0, 1) for right in (-1, 0, 1)]
                for chw in members
            ]
        )
        labels.append(truth_hw[rows, columns])
    stacked = np.array(windows, dtype=np.float32).transpose(1, 2, 3, 0, 4)
    return np.ascontiguousarray(stacked), np.array(labels, dtype=np.uint8)


def _gains_of_window_forms(
    windows_mkcin: WindowsMKCIN,
    labels_in: NDArray[np.uint8],
    fitted_i: NDArray[np.bool_],
    metric: CountedMetric,
) -> Iterator[tuple[str, list[float]]]:
    """Points of each form at each strength, over weights by score."""
    classes = windows_mkcin.shape[2]
    here, there = (windows_mkcin[:, :, :, part_i] for part_i in (fitted_i, ~fitted_i))
    alone_m = [_points_of_sampled_pixels(one[4], labels_in[fitted_i], metric) for one in here]
    weights_m = 2.0 ** ((np.array(alone_m) - max(alone_m)) / 2)
    weights_m = (weights_m / weights_m.sum()).astype(np.float32)
    merged, others = (np.tensordot(weights_m, part[:, 4], 1) for part in (here, there))
    without = _points_of_sampled_pixels(others, labels_in[~fitted_i], metric)
    for form, seen in WINDOWS.items():
        own, unseen = (part[:, seen].reshape(-1, classes, part[0, 0, 0].size) for part in (here, there))
        fitted = fit_stacking(merged.reshape(classes, -1), own, labels_in[fitted_i].ravel())
        scores = (
            fitted.scaled(one).corrected(others.reshape(classes, -1), unseen).reshape(others.shape)
            for one in STRENGTHS
        )
        yield form, [_points_of_sampled_pixels(one, labels_in[~fitted_i], metric) - without for one in scores]


def _points_of_sampled_pixels(
    scores_cin: NDArray[np.float32], labels_in: NDArray[np.uint8], metric: CountedMetric
) -> float:
    """The metric of the most probable classes, in points."""
    counts_icc = count_pixels_of_images(labels_in, scores_cin.argmax(0), len(scores_cin))
    return 100 * tallies_of_counts(metric, counts_icc).score


if __name__ == "__main__":
    typer.run(main)
