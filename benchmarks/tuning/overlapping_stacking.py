"""What a stacking is worth where classes overlap, on random halves, each with its own thresholds.

    seg data sample contest --task multilabel
    python -m benchmarks.tuning.overlapping_stacking contest/team.yaml

For each class it is a logistic regression that begins at weights by score: a constant and members' logits of
that class, or of all classes, are added to the logit of the merged probability, with a penalty.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tuning.logit_stack import logits_of
from benchmarks.tuning.overlapping_images import (
    HALVES,
    Merge,
    OverlappingImages,
    count_tables,
    judge_images,
    merge_image,
)
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.tune.evidence.candidates import EQUAL
from seg.evaluate.tune.fits.stacking import CONSTANTS, PENALTY
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order
from seg.evaluate.tune.overlapping.mixtures import BY_SCORE
from seg.evaluate.tune.overlapping.sampled_members import (
    SampledMembers,
)
from seg.labels.label_map import ProbabilitiesCHW

STRENGTHS: Final = (0.25, 0.5, 1.0)
STEPS: Final = 8


@dataclass(frozen=True)
class SigmoidStack:
    """For each class the coefficients of members' logits, `[C, M C]`, and a constant `[C]`."""

    coefficients_cf: NDArray[np.float64]
    constants_c: NDArray[np.float64]
    mixture: Mixture

    def merge(self, strength: float, passes: CachedPasses, image: int) -> ProbabilitiesCHW:
        """The probabilities of an image, with so much of the correction."""
        merged_chw = logits_of(merge_image(self.mixture, passes, image))
        alone = [Mixture.single(member, passes.views) for member in range(len(passes.names))]
        logits_fhw = np.concatenate([logits_of(merge_image(one, passes, image)) for one in alone])
        added_chw = np.tensordot(self.coefficients_cf, logits_fhw, 1) + self.constants_c[:, None, None]
        return np.asarray(1 / (1 + np.exp(-merged_chw - strength * added_chw)), dtype=np.float32)


def main(
    path: Annotated[Path, typer.Argument(help="The ensemble's YAML.")],
    halves: Annotated[int, typer.Option(help="How many random halves.")] = HALVES,
) -> None:
    images = OverlappingImages.open(path)
    passes, members, metric = images.passes, images.members, images.metric.metric
    threshold = next(iter(rule_fits_in_order(images.metric.tallies).values()))
    scores: dict[str, list[float]] = {}
    for half in range(halves):
        fitted_i = images.random_half(half)
        equal, by_score = (
            images.mixtures[name].fit_mixture(np.arange(passes.images), fitted_i)
            for name in (EQUAL, BY_SCORE)
        )
        merges: dict[str, Merge] = {
            EQUAL: partial(merge_image, equal),
            BY_SCORE: partial(merge_image, by_score),
        }
        for name, crosses in (("own class", False), ("all classes", True)):
            stack = fit_sigmoid_stack(members.of_images(fitted_i), by_score, crosses=crosses)
            merges |= {f"{name} at {one:g}": partial(stack.merge, one) for one in STRENGTHS}
        for name, merge in merges.items():
            rules = tuple(map(threshold, count_tables(passes, merge, fitted_i)))
            score = judge_images(passes, metric, merge, rules, ~fitted_i)
            scores.setdefault(name, []).append(score)
        typer.echo(f"half {half + 1} of {halves}", err=True)
    _print_overlapping_stackings(metric.name, scores)


def fit_sigmoid_stack(members: SampledMembers, mixture: Mixture, *, crosses: bool) -> SigmoidStack:
    """The correction of the highest likelihood, less its penalty; with `crosses` also by other classes."""
    count, classes = members.probabilities_mcin.shape[:2]
    merged_cin = np.tensordot(np.array(mixture.weights), members.probabilities_mcin, 1)
    logits_fn = logits_of(members.probabilities_mcin).reshape(count * classes, -1).astype(np.float64)
    coefficients_cf, constants_c = np.zeros((classes, count * classes)), np.zeros(classes)
    for label in range(classes):
        own = np.arange(count * classes) if crosses else label + classes * np.arange(count)
        fitted = _fit_stacking_of_class(
            logits_fn[own], logits_of(merged_cin[label]).ravel(), members.truth_cin[label].ravel()
        )
        coefficients_cf[label, own], constants_c[label] = fitted[:-1], fitted[-1]
    return SigmoidStack(coefficients_cf, constants_c, mixture)


def _fit_stacking_of_class(
    logits_fn: NDArray[np.float64], offset_n: NDArray[np.float32], truth_n: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Coefficients, and the constant at the end, by Newton's method in steps that lower the cost."""
    features_fn = np.concatenate([logits_fn, np.ones((1, logits_fn.shape[1]))])
    penalty_f = np.full(len(features_fn), 2 * PENALTY)
    penalty_f[-1] *= CONSTANTS
    sign_n = np.where(truth_n, -1.0, 1.0)

    def cost(fitted_f: NDArray[np.float64]) -> float:
        losses_n = np.logaddexp(0, sign_n * (offset_n + fitted_f @ features_fn))
        return float(losses_n.mean() + (penalty_f * fitted_f**2).sum() / 2)

    fitted_f = np.zeros(len(features_fn))
    for _ in range(STEPS):
        probability_n = np.exp(-np.logaddexp(0, -(offset_n + fitted_f @ features_fn)))
        slope_f = features_fn @ (probability_n - truth_n) / len(truth_n) + penalty_f * fitted_f
        curvature_n = probability_n * (1 - probability_n) / len(truth_n)
        curvature_ff = (features_fn * curvature_n) @ features_fn.T + np.diag(penalty_f)
        change_f = np.linalg.solve(curvature_ff, slope_f)
        lengths = (1.0, 0.5, 0.25, 0.125, 0.0)
        fitted_f = min((fitted_f - length * change_f for length in lengths), key=cost)
    return fitted_f


def _print_overlapping_stackings(metric: str, scores: dict[str, list[float]]) -> None:
    typer.echo(f"| with thresholds | {metric} | over weights by score, points | above in |")
    typer.echo("|---|---:|---:|---:|")
    for name, values in scores.items():
        gains = 100 * (np.array(values) - scores[BY_SCORE])
        above = f"{(gains > 0).sum()} of {len(values)}"
        typer.echo(f"| {name} | {np.mean(values):.4f} | {gains.mean():+.2f} ± {gains.std():.2f} | {above} |")


if __name__ == "__main__":
    typer.run(main)
