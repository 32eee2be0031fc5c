"""Whether a fitted per-pixel combination of members beats weights: a logistic regression of their logarithms.

    python -m benchmarks.tuning.stacking camvid1.npz --groups 1 --groups 2 --draws 3
    python -m benchmarks.tuning.stacking camvid1.npz --groups 1 --draws 5 --other-images

prints points of mIoU over equal weights on images that nothing was fitted on, as `benchmarks.tuning.judge`
does. For each class, the regression has a constant, and a weight for each logarithm of a probability of a
member; its penalty is the best of three on a third of the images that it is fitted on. Class factors for mIoU
can follow it, as they follow weights.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.tuning.judge import RULES, draw_exchangeable, draw_shifts, equal, member_sets, pixels_of
from benchmarks.tuning.members import load, miou_of
from seg.evaluate.tune.fits.class_factors import fit_factors
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.scorer import judge_counts

PENALTIES = (1e-4, 1e-3, 1e-2)
STEPS = 100
LEAST = 1e-4
"""Of a probability, before its logarithm."""


class Stack:
    """Weights `[C, M C]` and constants `[C]` of a logistic regression, which starts at the geometric mean."""

    def __init__(self, pixels: MemberPixels, penalty: float) -> None:
        members, classes = pixels.members, pixels.classes
        start = torch.cat([torch.eye(classes) / members] * members, 1)
        change = torch.zeros_like(start, requires_grad=True)
        constants = torch.zeros(classes, requires_grad=True)
        features, labels = _features(pixels), torch.from_numpy(pixels.labels_in.ravel()).long()
        optimiser = torch.optim.LBFGS([change, constants], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            logits = functional.linear(features, start + change, constants)
            value = functional.cross_entropy(logits, labels) + penalty * change.square().sum()
            torch.autograd.backward(value)
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]
        self._weights, self._constants = (start + change).detach(), constants.detach()

    def probabilities(self, pixels: MemberPixels) -> NDArray[np.float32]:
        """Float32 `[C, I, n]`."""
        logits = functional.linear(_features(pixels), self._weights, self._constants)
        shape = (pixels.classes, *pixels.labels_in.shape)
        return np.asarray(logits.softmax(1).T.reshape(shape).numpy(), dtype=np.float32)


def main(
    members: list[Path],
    groups: Annotated[list[int], typer.Option()],
    draws: int = 3,
    other_images: bool = False,
) -> None:
    draw = draw_exchangeable if other_images else draw_shifts
    typer.echo("| tuned on | rule | over equal: mean | worst | best | over weights, half way |")
    typer.echo("|---|---|---:|---:|---:|---:|")
    for count in groups:
        scores: dict[str, list[float]] = defaultdict(list)
        for images in map(load, members):
            for tuned, judged, names_of_groups in draw(images, count, draws):
                for names in member_sets(list(images.levels)):
                    pixels = pixels_of(images, names)
                    here, there = pixels.of_images(tuned), pixels.of_images(judged)
                    for name, rule in {"equal weights": equal, **RULES}.items():
                        fitted = rule(here, names_of_groups, images.prior)
                        scores[name].append(100 * there.judge(fitted.weights_m, fitted.factors_c).score)
                    for name, score in _stacked(here, there).items():
                        scores[name].append(score)
        _print(f"as many images as in {count}" if other_images else f"{count} groups", scores)


def _stacked(here: MemberPixels, there: MemberPixels) -> dict[str, float]:
    stack = Stack(here, _best_penalty(here))
    own, others = stack.probabilities(here), stack.probabilities(there)
    factors = fit_factors(own, here.labels_in, here.metric)
    return {
        "logistic regression": _score(there, others),
        "logistic regression and class factors": _score(there, others * factors[:, None, None]),
    }


def _best_penalty(pixels: MemberPixels) -> float:
    """The penalty of the highest mIoU on the last third of the images, fitted on the others."""
    is_last = np.arange(len(pixels.labels_in)) >= len(pixels.labels_in) * 2 // 3
    fitted_on, judged_on = pixels.of_images(~is_last), pixels.of_images(is_last)
    scores = [_score(judged_on, Stack(fitted_on, one).probabilities(judged_on)) for one in PENALTIES]
    return PENALTIES[int(np.argmax(scores))]


def _score(pixels: MemberPixels, scores_cin: NDArray[np.floating]) -> float:
    images, classes = len(pixels.labels_in), pixels.classes
    cells = (
        np.arange(images)[:, None] * classes**2 + pixels.labels_in * np.intp(classes) + scores_cin.argmax(0)
    )
    counts = np.bincount(cells.ravel(), minlength=images * classes**2).reshape(images, classes, classes)
    return 100 * judge_counts(miou_of(classes), counts).score


def _features(pixels: MemberPixels) -> Tensor:
    """Logarithms of all members' probabilities, `[I n, M C]`."""
    logs = np.log(np.maximum(pixels.probabilities_mcin, LEAST))
    return torch.from_numpy(logs.reshape(logs.shape[0] * logs.shape[1], -1).T.copy())


def _print(tuned_on: str, scores: Mapping[str, Sequence[float]]) -> None:
    start, weights = (np.array(scores[name]) for name in ("equal weights", "fitted weights, half way"))
    for name, values in scores.items():
        over, gain = np.array(values) - start, np.array(values) - weights
        typer.echo(
            f"| {tuned_on} | {name} | {over.mean():+.2f} | {over.min():+.2f} | {over.max():+.2f} |"
            f" {gain.mean():+.2f} ± {gain.std():.2f} |"
        )


if __name__ == "__main__":
    typer.run(main)
