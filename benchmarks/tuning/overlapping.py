"""What weights, thresholds, areas and emptiness are worth where classes overlap, on random halves.

    seg data sample contest --task multilabel
    python -m benchmarks.tuning.overlapping contest/team.yaml

Everything is fitted on one half of the labelled images and judged on the other, ten times, by the spec's
metric. The members of the spec are trained and exported before. "Nothing predicted" is empty masks; the
logistic regression of members' logits, class by class, is there to be compared with weights.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tuning.logit_stack import LogitStack, fit_stack
from seg.data import open_split
from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses, open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order
from seg.evaluate.tune.overlapping.judge_decisions import NOTHING
from seg.evaluate.tune.overlapping.mixtures import BY_SCORE, CALIBRATED, list_mixtures
from seg.evaluate.tune.overlapping.region_table import RegionTable, count_regions
from seg.evaluate.tune.overlapping.sampled_members import sample_member_passes, views_by_member
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import ignored_in, masks_of
from seg.metrics.from_counts import open_counted_metric
from seg.metrics.metric import Metric
from seg.spec import load_ensemble
from seg.spec.ensemble.decision import ClassRule

HALVES = 10

Rules = tuple[ClassRule, ...]

Merge = Callable[[CachedPasses, int], ProbabilitiesCHW]
"""The probabilities of an image."""


def main(
    path: Annotated[Path, typer.Argument(help="The ensemble's YAML.")],
    halves: Annotated[int, typer.Option(help="How many random halves.")] = HALVES,
) -> None:
    """Print the mean and the spread of each step, and of its gain over the one before."""
    spec = load_ensemble(path)
    split = open_split(spec.data, "val")
    passes = open_cached_passes(spec, split, ProbabilityCache())
    counted = open_counted_metric(spec.metric, split.classes, spec.data.task)
    metric, tallies = counted.metric, counted.tallies
    sampled = sample_member_passes(passes, counted)
    members = sampled.members(views_by_member(passes.views))
    weighed = {one.name: one for one in list_mixtures(sampled, passes.views, "mean")}
    scores: dict[str, list[float]] = {}
    for half in range(halves):
        fitted_i = np.zeros(passes.images, np.bool_)
        fitted_i[np.random.default_rng(half).permutation(passes.images)[: passes.images // 2]] = True
        mixtures = {
            name: one.fit_mixture(np.arange(passes.images), fitted_i) for name, one in weighed.items()
        }
        none = (ClassRule(),) * passes.classes
        threshold, area, emptiness = rule_fits_in_order(tallies).values()
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


def judge_images(
    passes: CachedPasses,
    metric: Metric,
    merge: Merge,
    rules: Rules,
    judged_i: NDArray[np.bool_],
) -> float:
    tallies = []
    for image in np.flatnonzero(judged_i).tolist():
        truth_chw = masks_of(passes.labels(image), "multilabel", passes.classes)
        probabilities_chw = merge(passes, image)
        masks_chw = postprocess_masks(above_thresholds(probabilities_chw, rules), probabilities_chw, rules)
        labelled_hw = ~ignored_in(passes.labels(image), "multilabel", passes.classes)
        tallies.append(metric.tally_masks(truth_chw, masks_chw, labelled_hw))
    return metric.score(np.stack(tallies))


def count_tables(passes: CachedPasses, merge: Merge, fitted_i: NDArray[np.bool_]) -> tuple[RegionTable, ...]:
    """Of each class, what every rule leaves of the images that are fitted on."""
    images = (
        (
            merge(passes, image),
            masks_of(passes.labels(image), "multilabel", passes.classes),
            ~ignored_in(passes.labels(image), "multilabel", passes.classes),
        )
        for image in np.flatnonzero(fitted_i).tolist()
    )
    return count_regions(images, passes.classes, passes.labels(0).size)


def merge_image(mixture: Mixture, passes: CachedPasses, image: int) -> ProbabilitiesCHW:
    return passes.cached_image(image).merged(mixture)


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
