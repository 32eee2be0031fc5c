"""The ingredients of a soup: finished runs with the same network, input and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from seg.errors import ModelError
from seg.files.atomic import sha256_of
from seg.labels.classes import ClassInfo
from seg.models.card import ModelCard
from seg.models.class_order import channels_of_classes, has_other_class_order
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from seg.train.run.folder import RunFolder
from seg.train.run.record import RunRecord, TrainingResult, read_run_record


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A finished run: its network, model card and record."""

    name: str
    segmenter: Segmenter
    card: ModelCard
    sha256: str
    record: RunRecord
    result: TrainingResult

    @property
    def recipe(self) -> RecipeSpec:
        return RecipeSpec.model_validate(self.record.recipe)


def read_ingredients(runs: Mapping[str, Path], classes: Sequence[ClassInfo]) -> tuple[Ingredient, ...]:
    """Read the runs in these folders, by name, and check that their weights can be averaged.

    Raises:
        ModelError: a run is not finished, or its network, input or classes differ from those of the first
            run or of the dataset.
    """
    ingredients = tuple(_read_ingredient(name, RunFolder(folder)) for name, folder in runs.items())
    first = ingredients[0]
    for one in ingredients:
        if has_other_class_order(channels_of_classes(one.card.classes, classes, one.name), len(classes)):
            raise ModelError(
                f"{one.name}: has the classes {[c.name for c in one.card.classes]}, the dataset lists them as"
                f" {[c.name for c in classes]}: averaging needs the same order: remove it from the soup"
            )
        if _network_of_card(one.card) != _network_of_card(first.card):
            raise ModelError(
                f"{one.name}: is {_network_of_card(one.card)} and {first.name} is"
                f" {_network_of_card(first.card)}: all ingredients of a soup need the same network"
            )
        if one.card.input != first.card.input:
            raise ModelError(
                f"{one.name}: its preprocessing differs from that of {first.name}: remove it from the soup"
            )
    return ingredients


def _read_ingredient(name: str, folder: RunFolder) -> Ingredient:
    record = read_run_record(folder.record)
    if record is None or record.result is None or not folder.model.exists():
        raise ModelError(f"{folder.path}: has no finished run: train it first, or remove it from the soup")
    network, card = load_checkpoint(folder.model)
    try:
        RecipeSpec.model_validate(record.recipe)
    except ValidationError as error:
        raise ModelError(f"{folder.record}: has a recipe of another version of seg: train again") from error
    segmenter = Segmenter(network, card.input).eval()
    return Ingredient(name, segmenter, card, sha256_of(folder.model), record, record.result)


def _network_of_card(card: ModelCard) -> str:
    return f"{card.architecture} {card.encoder}"
