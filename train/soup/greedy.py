"""Greedy and uniform model soups, scored on the validation images.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", 2022, recipe 1 for the greedy one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

import torch

from seg.data import Split
from seg.errors import DataError, ModelError, SpecError
from seg.terminal.progress import Advance, progress
from seg.train.batches.loaders import Loaders, build_loaders
from seg.train.distributed.process_group import ProcessGroup
from seg.train.library_logs import silence_libraries
from seg.train.metrics.overlap_counts import iou_of_overlap, overlap_counts
from seg.train.networks.pixel_scaling import pixel_scaling_of
from seg.train.networks.segmenter import Segmenter
from seg.train.optimiser.batch_norm import refit_batch_norm
from seg.train.optimiser.weight_averaging import uniform_average
from seg.train.reproducibility.determinism import deterministic_torch
from seg.train.soup.ingredients import Ingredient
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.splits.training_images import open_training_images
from seg.train.splits.validation_tiles import in_validation_tiles

MIN_INGREDIENTS: Final = 2


@dataclass(frozen=True, slots=True)
class SoupCandidate:
    """The mean of some runs' weights, with its mIoU and IoU of each class on the validation images.

    `iou` is NaN for a class that is in neither the labels nor the prediction.
    """

    taken: tuple[Ingredient, ...]
    segmenter: Segmenter
    miou: float
    iou: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(ingredient.name for ingredient in self.taken)


@dataclass(frozen=True, slots=True)
class SoupResult:
    """Each run alone, the best first; the uniform soup of all runs; and the greedy soup."""

    single_runs: tuple[SoupCandidate, ...]
    uniform: SoupCandidate
    greedy: SoupCandidate

    @property
    def soup(self) -> SoupCandidate | None:
        """The better of both soups; None if neither beats the best run."""
        better = max(self.greedy, self.uniform, key=lambda candidate: candidate.miou)
        return better if better.miou > self.single_runs[0].miou else None


def greedy_soup(ingredients: Sequence[Ingredient], train: Split, val: Split) -> SoupResult:
    """Score each run, the uniform soup and the greedy soup; batch normalisation is recomputed for each mean.

    Raises:
        SpecError: there are fewer than two runs.
        DataError: an image cannot be read, or no validation image has labels.
    """
    if len(ingredients) < MIN_INGREDIENTS:
        raise SpecError(
            f"a soup is made of at least {MIN_INGREDIENTS} runs, got {len(ingredients)}: train more seeds"
        )
    recipe = ingredients[0].recipe
    # The mean of the weights of N runs, N alone, and N - 1 attempts to add another one.
    with (
        deterministic_torch(recipe.seed, on_gpu=recipe.deterministic),
        silence_libraries(),
        progress("soup", 2 * len(ingredients), unit="networks") as advance,
    ):
        scorer = _SoupScorer(train, val, ingredients[0], advance)
        single_runs = sorted(map(scorer.score, ingredients), key=lambda candidate: -candidate.miou)
        return SoupResult(
            tuple(single_runs), scorer.mean(ingredients), _choose_greedy_soup(scorer, single_runs)
        )


def _choose_greedy_soup(scorer: "_SoupScorer", single_runs: Sequence[SoupCandidate]) -> SoupCandidate:
    soup = single_runs[0]
    for one in single_runs[1:]:
        larger = scorer.mean((*soup.taken, *one.taken))
        if larger.miou >= soup.miou:
            soup = larger
    return soup


class _SoupScorer:
    """Scores runs and means of runs on the validation images."""

    def __init__(self, train: Split, val: Split, first: Ingredient, advance: Advance) -> None:
        self._recipe = first.recipe
        self._classes = len(val.classes)
        self._advance = advance
        self._means: dict[frozenset[str], SoupCandidate] = {}
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        scale = pixel_scaling_of(first.segmenter.card)
        self._loaders: Loaders = build_loaders(
            self._recipe,
            open_training_images(self._recipe, train, scale=scale),
            DecodedSplit(in_validation_tiles(val, None, self._recipe), scale=scale),
            epoch=self._recipe.epochs,
            group=ProcessGroup(),
        )

    def score(self, ingredient: Ingredient) -> SoupCandidate:
        return self._score((ingredient,), ingredient.segmenter)

    def mean(self, ingredients: Sequence[Ingredient]) -> SoupCandidate:
        """Score the mean of some runs; a mean that was scored before is not computed again."""
        names = frozenset(ingredient.name for ingredient in ingredients)
        if names in self._means:
            self._advance()
        else:
            self._means[names] = self._new_mean(ingredients)
        return self._means[names]

    def _new_mean(self, ingredients: Sequence[Ingredient]) -> SoupCandidate:
        mean = uniform_average(ingredients[0].segmenter)
        for ingredient in ingredients:
            mean.update_parameters(ingredient.segmenter)
        segmenter = cast(Segmenter, mean.module).to(self._device)
        refit_batch_norm(segmenter, self._loaders, self._recipe.seed, self._recipe.epochs)
        return self._score(ingredients, segmenter.eval())

    @torch.no_grad()
    def _score(self, taken: Sequence[Ingredient], segmenter: Segmenter) -> SoupCandidate:
        segmenter.to(self._device)
        counts_c3 = torch.zeros(self._classes, 3, dtype=torch.int64, device=self._device)
        for images, labels in chain.from_iterable(self._loaders.val):
            logits = segmenter(images.to(self._device))
            if not bool(logits.sum().isfinite()):
                names = ", ".join(one.name for one in taken)
                raise ModelError(f"{names}: the prediction is not finite: remove it from the soup")
            counts_c3 += overlap_counts(logits, labels.to(self._device))
        iou = iou_of_overlap(counts_c3)
        if bool(iou.isnan().all()):
            raise DataError("data.val: no pixel has a label: a soup is scored with them")
        self._advance()
        return SoupCandidate(tuple(taken), segmenter.cpu(), float(iou.nanmean()), tuple(iou.tolist()))
