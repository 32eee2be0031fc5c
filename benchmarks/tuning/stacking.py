"""What a stacking is worth on images that nothing was fitted on, and whether it is offered where it gains.

    python -m benchmarks.tuning.stacking scenes3.npz --groups 8 --draws 4
    python -m benchmarks.tuning.stacking camvid1.npz --groups 1 --draws 3 --other-images

prints points over what `seg tune` chooses without a stacking. "Offered" is a stacking where `seg tune` takes
one, else none. "Diagonal" has one coefficient for each member and class: the logarithm of a class's
probability is added to that class alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional

from benchmarks.tuning.judge import (
    Draw,
    draw_exchangeable,
    draw_shifts,
    equal_rule,
    member_sets,
    pixels_of_members,
)
from benchmarks.tuning.members import MemberImages, load_member_images
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.choose_departure import (
    ENOUGH_GROUPS,
    STACKING,
    choose_departure,
    choose_stacking,
)
from seg.evaluate.tune.fits.departures import Departures, FittedDeparture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.stacking import BALANCE, CONSTANTS, PENALTY, FittedStacking
from seg.spec.ensemble.stacking import LEAST_PROBABILITY

EVERY = 2
"""Every second pixel of those that other simulations use, so that it takes half the time."""

SAMPLE = 3
"""And of these every third for the diagonal form."""


def main(
    members: list[Path],
    groups: Annotated[list[int], typer.Option()],
    draws: int = 3,
    other_images: bool = False,
) -> None:
    draw = draw_exchangeable if other_images else draw_shifts
    typer.echo("| tuned on | rule | over equal weights | over none: mean | worst | above | same |")
    typer.echo("|---|---|---:|---:|---:|---:|---:|")
    for count in groups:
        scores: dict[str, list[float]] = defaultdict(list)
        for images in map(load_member_images, members):
            for one in draw(images, count, draws):
                for name, score in _scores_of(images, one):
                    scores[name].append(score)
        _print_stacking_gains(f"as many images as in {count}" if other_images else f"{count} groups", scores)


def _scores_of(images: MemberImages, draw: Draw) -> Iterator[tuple[str, float]]:
    tuned, judged, names_of_groups = draw
    for names in member_sets(list(images.levels)):
        pixels = pixels_of_members(images, names).subsampled(EVERY)
        here, there = pixels.of_images(tuned), pixels.of_images(judged)
        group_i = number_groups(names_of_groups)
        departures = Departures(here, group_i, images.prior)
        chosen = choose_departure(departures, group_i)
        fits = {
            "equal weights": equal_rule(here, names_of_groups, images.prior),
            "none": departures.fit(chosen),
        }
        diagonal = _fit_diagonal(here.subsampled(SAMPLE), fits["none"])
        for strength in (0.25, 1.0):
            fits[f"diagonal at {strength:g}"] = replace(fits["none"], stacking=diagonal.scaled(strength))
        for strength in (*STACKING[1:], 1.0):
            fits[f"stacking at {strength:g}"] = departures.fit(replace(chosen, stacking=strength))
        is_offered = int(group_i.max()) + 1 >= ENOUGH_GROUPS
        fits["offered"] = departures.fit(choose_stacking(departures, chosen) if is_offered else chosen)
        for name, fitted in fits.items():
            yield name, 100 * there.judge(fitted.weights_m, fitted.factors_c, fitted.stacking).score


def _fit_diagonal(pixels: MemberPixels, base: FittedDeparture) -> FittedStacking:
    """The same as `fit_stacking` without the coefficients of other classes."""
    labels = torch.from_numpy(pixels.labels_in.ravel()).long()
    merged_cn = pixels.merged(base.weights_m, base.factors_c).reshape(pixels.classes, -1)
    offset_nc = torch.from_numpy(np.log(np.maximum(merged_cn, LEAST_PROBABILITY)).T)
    logarithms_mcn = torch.from_numpy(np.log(np.maximum(pixels.flat_mcn, LEAST_PROBABILITY)))
    features_mcn = logarithms_mcn - logarithms_mcn.mean(1, keepdim=True)
    change_mc = torch.zeros(features_mcn.shape[:2], requires_grad=True)
    constants_c = torch.zeros(pixels.classes, requires_grad=True)
    share_c = torch.bincount(labels, minlength=pixels.classes).clamp(min=1) / len(labels)
    optimiser = torch.optim.LBFGS([change_mc, constants_c], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits_nc = offset_nc + (features_mcn * change_mc[:, :, None]).sum(0).T + constants_c
        value = functional.cross_entropy(logits_nc, labels, share_c**-BALANCE)
        value = value + PENALTY * (change_mc.square().sum() + CONSTANTS * constants_c.square().sum())
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    matrices_mcc = torch.diag_embed(change_mc.detach()) - change_mc.detach()[:, :, None] / pixels.classes
    return FittedStacking(matrices_mcc.double().numpy(), constants_c.detach().double().numpy())


def _print_stacking_gains(tuned_on: str, scores: dict[str, list[float]]) -> None:
    equal_weights, none = (np.array(scores.pop(name)) for name in ("equal weights", "none"))
    typer.echo(f"| {tuned_on} | none | {(none - equal_weights).mean():+.2f} | | | | |")
    for name, values in scores.items():
        over_equal, gain = np.array(values) - equal_weights, np.array(values) - none
        typer.echo(
            f"| {tuned_on} | {name} | {over_equal.mean():+.2f} | {gain.mean():+.2f} ± {gain.std():.2f}"
            f" | {gain.min():+.2f} | {(gain > 0).mean():.0%} | {(gain == 0).mean():.0%} |"
        )


if __name__ == "__main__":
    typer.run(main)
