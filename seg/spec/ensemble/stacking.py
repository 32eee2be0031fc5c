"""Stacking: a fitted correction of merged probabilities, from those of all members, pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ValidationInfo, model_validator

from seg import ranges
from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.spec.base import Spec, existing_file_beside, number_within
from seg.spec.yaml.source import load_yaml

LEAST_PROBABILITY: Final = 1e-4
"""Of a member, before the logarithm is taken."""

_REMOVE: Final = "remove 'stacking'; seg tune fits another"

Coefficient = Annotated[float, number_within(ranges.STACKING_COEFFICIENT)]

MatrixCC = tuple[tuple[Coefficient, ...], ...]
"""A row for each class that is added to, with a column for each class of a member."""


@dataclass(frozen=True, slots=True)
class Stacking:
    """What is added to the logarithms of the merged probabilities, before a softmax over the classes.

    Attributes:
        constants: one for each class.
        matrices: of each member, by position; empty for one that does not run. Each is multiplied by the
            logarithms of the member's probabilities, the mean over its views.
    """

    constants: tuple[float, ...]
    matrices: tuple[MatrixCC, ...]


class StackingSpec(Spec):
    """A correction of the merged probabilities: see `Stacking`, here with the names of classes and members.

    `seg tune` writes it.
    """

    classes: tuple[str, ...]
    """The classes, in the order of all rows and columns."""
    constants: tuple[Coefficient, ...]
    """What is added to the logarithm of each class's merged probability."""
    matrices: dict[str, MatrixCC]
    """For each member a row for each class that is added to: what the logarithms of the member's
    probabilities of all classes are multiplied by.
    """
    fingerprint: str | None = None
    """Fingerprint of these numbers and of the members that they were fitted for: their trained weights, their
    weights in the mean, temperatures and views. Others are refused. Without one, only names are compared.
    """

    @property
    def place(self) -> str:
        """Where it was read from, for messages."""
        return str(self.yaml_file or "stacking")

    @property
    def coefficients(self) -> dict[str, Any]:
        """What probabilities are corrected by, as values of JSON."""
        return self.model_dump(exclude={"fingerprint"})

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        count = len(self.classes)
        if len(self.constants) != count:
            raise ValueError(f"'constants' has {len(self.constants)} numbers for {count} classes")
        for name, rows in self.matrices.items():
            if len(rows) != count or any(len(row) != count for row in rows):
                raise ValueError(
                    f"'matrices.{name}' needs {count} rows of {count} numbers, one for each class"
                )
        return self

    def refuse_other_members(self, members: Sequence[str]) -> None:
        """Raise ValueError unless it was fitted for just these members."""
        if set(members) != set(self.matrices):
            raise ValueError(
                f"'stacking' was fitted for the members {', '.join(self.matrices)}, and those with weight are"
                f" {', '.join(members)}: {_REMOVE}"
            )

    def in_order(self, members: Sequence[str], classes: Sequence[ClassInfo]) -> Stacking:
        """The same by the positions of members; raises SpecError where members or classes are others."""
        try:
            self.refuse_other_members(members)
        except ValueError as error:
            raise SpecError(str(error)) from error
        names = [info.name for info in classes]
        if list(self.classes) != names:
            raise SpecError(
                f"{self.place}: was fitted for the classes {', '.join(self.classes)}, and the models have"
                f" {', '.join(names)}: {_REMOVE}"
            )
        return Stacking(self.constants, tuple(self.matrices[name] for name in members))


def _stacking_or_its_path(value: Any, info: ValidationInfo) -> Any:
    return load_yaml(StackingSpec, existing_file_beside(value, info)) if isinstance(value, str) else value


STACKING_OR_PATH = BeforeValidator(_stacking_or_its_path, json_schema_input_type=str | StackingSpec)
"""Marks a field that takes a stacking in place, or the path of its YAML."""
