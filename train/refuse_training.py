"""What is refused before training: recipes that cannot be trained, and labels that teach nothing."""

import torch

from seg.data import Split
from seg.data.check.learnability import count_class_pixels, crop_findings, learnable_findings
from seg.errors import DataError, SpecError
from seg.spec import DatasetSpec, RecipeSpec
from seg.terminal.notices import notice
from seg.train.networks import check_combination
from seg.train.optimiser.build import check_optimiser


def refuse_nothing_to_learn(data: DatasetSpec, recipe: RecipeSpec, labelled: Split) -> None:
    """Raise DataError if nothing can be learnt from the labels; print warnings about parts of them."""
    counts = count_class_pixels(labelled)
    findings = [
        *learnable_findings(data, labelled.classes, counts),
        *crop_findings(data.split("train").images[0], recipe, counts.largest_hw),
    ]
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError("\n".join(f"{one.place}: {one.problem}: {one.fix}" for one in errors))
    for finding in findings:
        notice(str(finding))


def refuse_impossible_recipe(recipe: RecipeSpec) -> None:
    """Raise SpecError if the recipe cannot be trained, on any data or on this machine."""
    check_combination(recipe.architecture, recipe.encoder, recipe.crop, recipe.input.size)
    check_optimiser(recipe.optimiser)
    if recipe.samples and recipe.copy_paste:
        raise SpecError("'samples' and 'copy_paste' exclude each other: remove one of them")
    if recipe.foreground and not recipe.samples:
        raise SpecError("'foreground' is a share of 'samples': say how many crops an epoch draws")
    if recipe.precision == "fp16" and not torch.cuda.is_available():
        raise SpecError("precision 'fp16' needs a GPU: 'bf16' is the half precision of CPUs")
