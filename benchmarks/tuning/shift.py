"""Whether the line on images that differ tells where fitted factors lose.

    python -m benchmarks.tuning.shift scenes1.npz scenes2.npz --groups 3 --groups 8

For the new rule and for free factors: how often the images to judge on differ by the shares of classes from
those that were tuned on, and points of mIoU over equal weights where they do and where they do not.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tuning.judge import (
    RULES,
    Draw,
    Rule,
    draw_exchangeable,
    draw_shifts,
    equal_rule,
    member_sets,
    pixels_of_members,
)
from benchmarks.tuning.members import MemberImages, load_member_images
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.predicted_shares import spread_of_predicted_shares
from seg.evaluate.tune.fits.departures import FittedDeparture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.scorer import CountsICC
from seg.spec.ensemble.tuned_on import distance_of_class_shares

JUDGED = ("free factors (before)", "new rule")


def main(
    members: list[Path],
    groups: Annotated[list[int], typer.Option()],
    draws: int = 10,
    other_images: bool = False,
) -> None:
    worlds = [load_member_images(path) for path in members]
    draw = draw_exchangeable if other_images else draw_shifts
    typer.echo("| tuned on | rule | differs | gain where it differs | and where not |")
    typer.echo("|---|---|---:|---:|---:|")
    for count in groups:
        for name in JUDGED:
            found = [
                _compare_shift(images, names, one, RULES[name])
                for images in worlds
                for one in draw(images, count, draws)
                for names in member_sets(list(images.levels))
            ]
            differs, gains = np.array([row[0] for row in found]), np.array([row[1] for row in found])
            where, elsewhere = _mean_gain(gains[differs]), _mean_gain(gains[~differs])
            typer.echo(f"| {count} groups | {name} | {differs.mean():.0%} | {where} | {elsewhere} |")


def _compare_shift(
    images: MemberImages, names: tuple[str, ...], draw: Draw, rule: Rule
) -> tuple[bool, float]:
    """Whether the line is said, and the rule's points over equal weights."""
    tuned, judged, groups = draw
    pixels = pixels_of_members(images, names)
    here, there = pixels.of_images(tuned), pixels.of_images(judged)
    fitted = rule(here, groups, images.prior)
    predicted = [_counts_of_fitted(part, fitted).sum(1) for part in (here, there)]
    shares = [(pixels_ic.sum(0) / pixels_ic.sum()).tolist() for pixels_ic in predicted]
    differs = distance_of_class_shares(*shares) > spread_of_predicted_shares(
        predicted[0], number_groups(groups)
    )
    start = equal_rule(here, groups, images.prior)
    scores = [there.judge(one.weights_m, one.factors_c).score for one in (start, fitted)]
    gain = scores[1] - scores[0]
    return differs, 100 * gain


def _mean_gain(gains: NDArray[np.float64]) -> str:
    return f"{gains.mean():+.2f}" if len(gains) else "-"


def _counts_of_fitted(pixels: MemberPixels, fitted: FittedDeparture) -> CountsICC:
    return pixels.counts(fitted.weights_m, fitted.factors_c)


if __name__ == "__main__":
    typer.run(main)
