"""The sweep spec: which recipes to try, each for a few epochs, to find those worth training for long."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from seg import ranges
from seg.spec.base import LocalPath, Seed, Spec, number_within
from seg.spec.dataset.dataset import DATASET_OR_PATH, DatasetSpec
from seg.spec.ensemble.by_class import refuse_unlisted_classes
from seg.spec.ensemble.metric import MIOU, Metric
from seg.spec.recipe.recipe import RecipeSpec
from seg.spec.yaml.source import load_yaml

Setting = dict[str, Any]
"""Fields of a recipe with their values."""

FIELDS: Final = frozenset(RecipeSpec.model_fields)


def _values_to_try(value: Any) -> Any:
    if not isinstance(value, list) or not value:
        raise ValueError(f"is a list of values to try, got {value!r}")
    return value


class RangeSpec(Spec):
    """A range of numbers to search."""

    low: float = Field(allow_inf_nan=False)
    """The smallest value."""
    high: float = Field(allow_inf_nan=False)
    """The largest value."""
    log: bool = False
    """Draw evenly in the logarithm."""
    whole: bool = False
    """Draw whole numbers."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low is below high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError("a range with log is above 0")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


Choices = Annotated[list[Any], BeforeValidator(_values_to_try)]


class SweepSpec(Spec):
    """A sweep over recipes, with either a `grid` or a `search`."""

    data: Annotated[DatasetSpec, DATASET_OR_PATH]
    """The dataset: the path of a dataset YAML, or its keys in place."""
    recipe: RecipeSpec = RecipeSpec()
    """The recipe that all trials share."""
    metric: Metric = MIOU
    """What trials are judged by."""
    grid: dict[str, Choices] = Field(default={})
    """A list of values for each recipe key. Every combination is tried. A value that is a mapping of recipe
    keys sets them together.
    """
    search: dict[str, RangeSpec | Choices] = Field(default={})
    """Lists or ranges for recipe keys. `trials` combinations are chosen one after another (TPE)."""
    trials: Annotated[int, number_within(ranges.TRIALS)] | None = None
    """Number of trials of a `search`."""
    pruner: Literal["none", "median", "hyperband"] = "none"
    """Ends trials early: `median` those below the median of the others at their epoch, `hyperband` by
    successive halving.
    """
    seed: Seed = 0
    """Seed of the search."""
    storage: str | None = None
    """A database URL of Optuna that several workers share. Default: a file in `runs`."""
    runs: LocalPath = Field(default=Path("runs/sweep"), validate_default=True)
    """The folder of run folders."""

    @field_validator("grid", "search")
    @classmethod
    def _fields_are_those_of_a_recipe(cls, value: Mapping[str, Any], info: ValidationInfo) -> Any:
        base = info.data.get("recipe")
        for field, choices in value.items():
            if field not in FIELDS:
                raise ValueError(f"{field!r} is no field of a recipe")
            if base is not None:
                for choice in choices if isinstance(choices, list) else choices.ends:
                    _recipe_with_setting(base, setting_of_recipe(field, choice), info.context)
        return value

    @field_validator("grid")
    @classmethod
    def _can_all_be_tried(cls, grid: dict[str, Choices]) -> dict[str, Choices]:
        combinations = math.prod(map(len, grid.values()))
        if combinations > ranges.TRIALS.most:
            raise ValueError(
                f"has {combinations} combinations, of which at most {ranges.TRIALS.most} can be tried:"
                " use 'search', which chooses among them"
            )
        return grid

    @model_validator(mode="after")
    def _classes_are_those_of_the_dataset(self) -> Self:
        refuse_unlisted_classes(self.data, self.metric.classes_named)
        return self

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if bool(self.grid) == bool(self.search):
            raise ValueError("a sweep has either a 'grid' or a 'search'")
        if bool(self.search) != (self.trials is not None):
            raise ValueError("'trials' belongs to a 'search', which needs it")
        return self

    @property
    def url(self) -> str:
        """The database of the study: by default a file beside the runs; PostgreSQL by way of psycopg."""
        url = self.storage or f"sqlite:///{self.runs / 'sweep.db'}"
        return re.sub("^postgres(ql)?://", "postgresql+psycopg://", url)

    @property
    def shown_url(self) -> str:
        """The same for messages: without a password."""
        return re.sub("(://[^:/@]*):[^@]*@", r"\1:***@", self.storage or self.url)

    def combinations(self) -> Iterator[dict[str, str]]:
        """The grid, each value as JSON, by field."""
        spelled = [
            [(field, json.dumps(choice)) for choice in choices] for field, choices in self.grid.items()
        ]
        return map(dict, itertools.product(*spelled))

    def with_setting(self, setting: Setting) -> RecipeSpec:
        """The recipe with some fields set otherwise; raises ValueError where they do not go together."""
        return _recipe_with_setting(self.recipe, setting, {"folder": self.runs})


def setting_of_recipe(field: str, value: Any) -> Setting:
    """What a value of a field sets: itself, or all fields that it names."""
    if isinstance(value, Mapping) and value and set(value) <= FIELDS:
        return dict(value)
    return {field: value}


def _recipe_with_setting(base: RecipeSpec, setting: Setting, context: Any) -> RecipeSpec:
    return RecipeSpec.model_validate(base.model_dump(exclude_unset=True) | setting, context=context)


def load_sweep(path: Path) -> SweepSpec:
    """Read a sweep spec; raises SpecError with the line of each mistake."""
    return load_yaml(SweepSpec, path)
