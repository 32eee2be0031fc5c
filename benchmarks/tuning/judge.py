"""The simulation that chooses the rules of tuning: tune on some groups, judge on others, many times.

    python -m benchmarks.tuning.judge scenes1.npz scenes2.npz --groups 1 --groups 3 --groups 8
    python -m benchmarks.tuning.judge camvid.npz --groups 1 --groups 2 --draws 3

prints points of mIoU over equal weights, and over the better of equal weights and best member, on images that
nothing was fitted on: the mean, the worst, and how often below. They are of other groups, or random images of
all groups. `--other-images` is for the latter. The probabilities come from `benchmarks.tuning.scenes` and
`benchmarks.tuning.camvid`; draws are made of each file, and pooled.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tuning.fitted_weights import fit_weights
from benchmarks.tuning.members import MemberImages, load_member_images, miou_of
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.choose_departure import choose_departure
from seg.evaluate.tune.fits.class_factors import fit_class_factors
from seg.evaluate.tune.fits.departures import Departures, FittedDeparture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import equal_weights, weight_on_best_member, weights_by_score
from seg.labels.probability_codec import probabilities_from_levels

PIXELS = 250
"""Of an image, of those that are stored."""

Draw = tuple[NDArray[np.bool_], NDArray[np.bool_], Sequence[str]]
"""The images to tune on and to judge on, and the groups of the first."""

Rule = Callable[[MemberPixels, Sequence[str], NDArray[np.float64]], FittedDeparture]


def best_rule(pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]) -> FittedDeparture:
    return FittedDeparture(weight_on_best_member(pixels), np.ones(pixels.classes))


def equal_rule(pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]) -> FittedDeparture:
    return FittedDeparture(equal_weights(pixels.members), np.ones(pixels.classes))


def fitted_weights(
    pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]
) -> FittedDeparture:
    return FittedDeparture(fit_weights(pixels), np.ones(pixels.classes))


def half_weights(pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]) -> FittedDeparture:
    halved_m = (fit_weights(pixels) + equal_weights(pixels.members)) / 2
    return FittedDeparture(halved_m, np.ones(pixels.classes))


def score_weights(pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]) -> FittedDeparture:
    return FittedDeparture(weights_by_score(pixels, number_groups(groups)), np.ones(pixels.classes))


def free_factors(pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]) -> FittedDeparture:
    """What was chosen before there were groups: free weights and factors, judged on halves of the same."""
    weights_m = fit_weights(pixels)
    return FittedDeparture(
        weights_m, fit_class_factors(pixels.merged(weights_m), pixels.labels_in, pixels.metric)
    )


def departures_rule(
    pixels: MemberPixels, groups: Sequence[str], prior: NDArray[np.float64]
) -> FittedDeparture:
    group_i = number_groups(groups)
    departures = Departures(pixels, group_i, prior)
    return departures.fit(choose_departure(departures, group_i))


RULES: dict[str, Rule] = {
    "best member": best_rule,
    "free factors (before)": free_factors,
    "fitted weights": fitted_weights,
    "fitted weights, half way": half_weights,
    "weights by score": score_weights,
    "new rule": departures_rule,
}


def main(
    members: list[Path],
    groups: Annotated[list[int], typer.Option()],
    draws: int = 10,
    other_images: bool = False,
) -> None:
    worlds = [load_member_images(path) for path in members]
    typer.echo(
        "| tuned on | rule | over equal: mean | worst | below | over the better: mean | above | the same |"
    )
    typer.echo("|---|---|---:|---:|---:|---:|---:|---:|")
    draw = draw_exchangeable if other_images else draw_shifts
    for count in groups:
        tuned_on = f"as many images as in {count}" if other_images else f"{count} groups"
        _print_simulated_rules(
            tuned_on, [(images, one) for images in worlds for one in draw(images, count, draws)]
        )


def draw_shifts(images: MemberImages, count: int, draws: int) -> Iterator[Draw]:
    """Some groups to tune on, all others to judge on; each choice once."""
    names = sorted(set(images.groups))
    random = np.random.default_rng(0)
    subsets = {tuple(sorted(random.permutation(names)[:count].tolist())): None for _ in range(100 * draws)}
    for chosen in list(subsets)[:draws]:
        tuned = np.isin(images.groups, chosen)
        yield tuned, ~tuned, images.groups[tuned].tolist()


def draw_exchangeable(images: MemberImages, count: int, draws: int) -> Iterator[Draw]:
    """Random images to tune on, each a group of its own, and all others to judge on."""
    total = len(images.groups)
    tuned_on = total * count // len(set(images.groups))
    for seed in range(draws):
        tuned = np.zeros(total, np.bool_)
        tuned[np.random.default_rng(seed).permutation(total)[:tuned_on]] = True
        yield tuned, ~tuned, [str(number) for number in range(tuned_on)]


def member_sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(names[:3]), tuple(names[-3:]), tuple(names)]


def _print_simulated_rules(tuned_on: str, draws: Sequence[tuple[MemberImages, Draw]]) -> None:
    scores: dict[str, list[float]] = defaultdict(list)
    for images, (tuned, judged, groups) in draws:
        for names in member_sets(list(images.levels)):
            pixels = pixels_of_members(images, names)
            here, there = pixels.of_images(tuned), pixels.of_images(judged)
            for name, rule in {"equal weights": equal_rule, **RULES}.items():
                fitted = rule(here, groups, images.prior)
                scores[name].append(100 * there.judge(fitted.weights_m, fitted.factors_c).score)
    over = {name: np.array(scores[name]) - np.array(scores["equal weights"]) for name in RULES}
    better = np.maximum(over["best member"], 0)
    for name, points in over.items():
        gain = points - better
        typer.echo(
            f"| {tuned_on} | {name} | {points.mean():+.2f} | {points.min():+.2f} |"
            f" {(points < 0).mean():.0%} | {gain.mean():+.2f} | {(gain > 0).mean():.0%} |"
            f" {(gain == 0).mean():.0%} |"
        )


def pixels_of_members(images: MemberImages, names: Sequence[str]) -> MemberPixels:
    levels = [images.levels[name][..., :PIXELS].transpose(1, 0, 2) for name in names]
    known_mc = np.ones((len(names), len(images.prior)), np.float32)
    return MemberPixels(
        np.stack([probabilities_from_levels(one) for one in levels]),
        images.labels_in[:, :PIXELS],
        known_mc,
        miou_of(len(images.prior)),
    )


if __name__ == "__main__":
    typer.run(main)
