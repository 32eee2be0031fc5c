"""One member of an ensemble: a recipe, a finished model, or a network that was trained elsewhere."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from seg import ranges
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.spec.base import LocalPath, Temperature, Weight
from seg.spec.ensemble.imported import ClassNames, HiddenOptions, ImportedInput, ImportedOutput
from seg.spec.ensemble.prediction import ByClass
from seg.spec.recipe.recipe import NetworkInput, RecipeSpec
from seg.views import VIEW_SETS, ViewName, ViewSetName


def _names_of_views(value: Any) -> Any:
    if isinstance(value, str):
        if value not in VIEW_SETS:
            sets = ", ".join(VIEW_SETS)
            raise ValueError(f"views are one of {sets}, or a list of views, got {value!r}")
        return VIEW_SETS[value]
    if isinstance(value, list) and len(set(map(str, value))) != len(value):
        raise ValueError("a view is listed twice, which would count it twice")
    return value


Views = Annotated[
    tuple[ViewName, ...],
    Field(min_length=1),
    BeforeValidator(_names_of_views, json_schema_input_type=ViewSetName | list[ViewName]),
]
"""The views of an image that are predicted and merged; written as a set's name or a list."""

MEMBER_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$"
"""A member's name is also that of its folder in `runs`."""


def _check_distinct_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"class {name!r} is named twice")
    return names


_IMPORTED: Final = frozenset({"output", "classes", "options"})
_BESIDE: Final = {
    "model": ("a finished model", frozenset[str]()),
    "checkpoint": ("a network that is trained already", _IMPORTED | {"architecture", "encoder", "input"}),
    "onnx": ("a network that is trained already", _IMPORTED - {"options"} | {"input"}),
}
"""For each origin of a member other than a recipe: what it is, and the keys that go with it."""


class MemberSpec(RecipeSpec):
    """One member: a recipe or a finished model. Keys that are not set come from the ensemble's `recipe`."""

    name: str = Field(pattern=MEMBER_NAME)
    """The member's name, and that of its folder in `runs`."""
    model: LocalPath | None = None
    """A finished model, exported to ONNX. It takes the place of a recipe."""
    checkpoint: LocalPath | None = None
    """A checkpoint that was trained elsewhere: a file of weights, a program, or a folder. `architecture` and
    `encoder` may be set beside it.
    """
    onnx: LocalPath | None = None
    """An ONNX file that was exported elsewhere."""
    options: HiddenOptions = HiddenOptions()
    """Options of a checkpoint's network that its weights do not show."""
    input: ImportedInput = ImportedInput()
    """How images reach the network. Keys other than `mode` and `size` are for one that was trained elsewhere.
    """
    output: ImportedOutput = ImportedOutput()
    """What a network that was trained elsewhere returns."""
    classes: ClassNames | None = None
    """The classes of a network that was trained elsewhere, by its own names: `{theirs: Ours}`. Several may
    become one. `rest: Background` is for all that are not named; without it they are left out.
    """
    covers: Annotated[tuple[str, ...], AfterValidator(_check_distinct_classes)] = ()
    """The classes that the member knows, if it does not know all: only they count, against all others."""
    weight: Weight = 1.0
    """Share in the merge, relative to the other members. A member with weight 0 is not run."""
    class_weights: ByClass = Field(default_factory=dict)
    """Factors on the member's weight for single classes, by name."""
    temperature: Temperature = 1.0
    """Divides the member's logits before its softmax. Above 1 its probabilities are less extreme."""
    views: Views | None = None
    """Views of this member. Default: those of the ensemble."""
    note: str | None = None
    """A note, shown by `seg runs`."""
    fold: int | None = Field(default=None, ge=0, le=ranges.FOLDS.most)
    """The fold, from 0, that is held out of training and used for validation. Needs `folds`."""

    @property
    def source(self) -> Path | None:
        """The file or folder that was made elsewhere, if the member was."""
        return self.checkpoint or self.onnx

    @property
    def has_recipe(self) -> bool:
        """Whether `seg train` trains it."""
        return self.model is None and self.source is None

    def declared_sha256(self, classes: Sequence[ClassInfo], task: Task) -> str:
        """A SHA-256 of what is declared of its source, and of the dataset's classes and task."""
        keys = {"architecture", "encoder", "options", "input", "output", "classes", "covers"}
        declared = self.model_dump(mode="json", include=keys, exclude_unset=True)
        known = [declared, [(c.id, c.name) for c in classes], *([task] if classes_overlap(task) else [])]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [key for key in _BESIDE if getattr(self, key) is not None]
        if len(origins) > 1:
            raise ValueError(f"'{origins[1]}' and '{origins[0]}' are two networks: remove one of them")
        if origins:
            self._refuse_beside(origins[0])
        else:
            self._refuse_imported_keys()
        return self

    def _refuse_beside(self, origin: str) -> None:
        what, allowed = _BESIDE[origin]
        self.input.check_channels()
        given = self.model_fields_set & (RecipeSpec.model_fields.keys() | _IMPORTED) - allowed
        if given:
            raise ValueError(
                f"'{origin}' names {what}, so {sorted(given)[0]!r} has no meaning here: remove one of them"
            )

    def _refuse_imported_keys(self) -> None:
        inside = self.input.model_fields_set - NetworkInput.model_fields.keys()
        given = [f"input.{key}" for key in sorted(inside)] + sorted(self.model_fields_set & _IMPORTED)
        if given:
            raise ValueError(
                f"'{given[0]}' is for a network that was trained elsewhere: name its file with 'checkpoint'"
                " or 'onnx'"
            )
        network_input_of_imported(self.input)


def network_input_of_imported(given: NetworkInput) -> NetworkInput:
    """The part of an input that recipes have; raises ValidationError where a recipe would."""
    own = given.model_fields_set & NetworkInput.model_fields.keys()
    return NetworkInput.model_validate({field: getattr(given, field) for field in own})
