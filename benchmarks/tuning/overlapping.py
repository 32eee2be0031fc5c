"""What weights, thresholds, areas and emptiness are worth where classes overlap, on random halves.

    seg data sample contest --task multilabel
    python -m benchmarks.tuning.overlapping contest/team.yaml

Everything is fitted on one half of the labelled images and judged on the other, ten times, by the spec's
metric. The members of the spec are trained and exported before. "Nothing predicted" is empty masks; the
logistic regression of members' logits, class by class, is there to be compared with weights.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.tuning.logit_stack import LogitStack, fit_stack
from benchmarks.tuning.overlapping_images import (
    HALVES,
    Merge,
    OverlappingImages,
    Rules,
    count_tables,
    judge_images,
    merge_image,
)
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order
from seg.evaluate.tune.overlapping.judge_decisions import NOTHING
from seg.evaluate.tune.overlapping.mixtures import BY_SCORE, CALIBRATED
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.decision import ClassRule


def main(
    path: Annotated[Path, typer.Argument(help="The ensemble's YAML.")],
    halves: Annotated[int, typer.Option(help="How many random halves.")] = HALVES,
) -> None:
    """Print the mean and the spread of each step, and of its gain over the one before."""
    images = OverlappingImages.open(path)
    passes, members, metric = images.passes, images.members, images.metric.metric
    scores: dict[str, list[float]] = {}
    for half in range(halves):
        fitted_i = images.random_half(half)
        mixtures = {
            name: one.fit_mixture(np.arange(passes.images), fitted_i) for name, one in images.mixtures.items()
        }
        none = (ClassRule(),) * passes.classes
        threshold, area, emptiness = rule_fits_in_order(images.metric.tallies).values()
        stack = partial(_merge_by_logit_stack, fit_stack(members.of_images(fitted_i)))
        single, equal, by_score, calibrated = (partial(merge_image, one) for one in mixtures.values())
        of_single, of_equal, of_stack, of_calibrated, of_weighed = (
            count_tables(passes, one, fitted_i) for one in (single, equal, stack, calibrated, by_score)
        )
        steps: dict[str, tuple[Merge, Rules]] = {
            NOTHING: (_predict_nothing, none),
            EQUAL: (equal, none),
            f"{SINGLE} + thresholds": (single, tuple(map(threshold, of_single))),
            f"{EQUAL} + thresholds": (equal, tuple(map(threshold, of_equal))),
            "logistic regression + thresholds": (stack, tuple(map(threshold, of_stack))),
            f"{CALIBRATED} + thresholds": (calibrated, tuple(map(threshold, of_calibrated))),
            f"{BY_SCORE} + thresholds": (by_score, tuple(map(threshold, of_weighed))),
            "+ areas": (by_score, tuple(map(area, of_weighed))),
            "+ emptiness": (by_score, tuple(map(emptiness, of_weighed))),
        }
        for name, (merge, rules) in steps.items():
            scores.setdefault(name, []).append(judge_images(passes, metric, merge, rules, ~fitted_i))
        typer.echo(f"half {half + 1} of {halves}", err=True)
    _print_overlapping_steps(metric.name, scores)


def _merge_by_logit_stack(stack: LogitStack, passes: CachedPasses, image: int) -> ProbabilitiesCHW:
    alone = [Mixture.single(member, passes.views) for member in range(len(passes.names))]
    return stack.merged(np.stack([passes.cached_image(image).merged(one) for one in alone]))


def _predict_nothing(passes: CachedPasses, image: int) -> ProbabilitiesCHW:
    return np.zeros((passes.classes, *passes.labels(image).shape), np.float32)


def _print_overlapping_steps(metric: str, scores: dict[str, list[float]]) -> None:
    typer.echo(f"| | {metric} | spread | over the row above, points | above in |")
    typer.echo("|---|---:|---:|---:|---:|")
    before: list[float] | None = None
    for name, values in scores.items():
        gains = np.array(values) - np.array(before) if before else None
        gained = f"{100 * gains.mean():+.2f} ± {100 * gains.std():.2f}" if gains is not None else ""
        above = f"{(gains > 0).sum()} of {len(values)}" if gains is not None else ""
        typer.echo(f"| {name} | {np.mean(values):.4f} | {np.std(values):.4f} | {gained} | {above} |")
        before = values


if __name__ == "__main__":
    typer.run(main)
