"""The losses of a recipe: their weights in the sum, and what each can be told."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from ruamel.yaml.comments import CommentedMap

from seg import ranges
from seg.spec.base import PositiveWeight, Spec, line_in_yaml, number_within


def _checked_class_weights(value: Any) -> Any:
    if value == "balanced":
        return value
    if not isinstance(value, list | tuple | Mapping):
        raise ValueError(
            f"is balanced, a list with a weight for each class, or {{class: weight}}, got {value!r}"
        )
    weights = list(value.values()) if isinstance(value, Mapping) else list(value)
    for weight in weights:
        if not isinstance(weight, int | float) or not 0 <= weight <= ranges.WEIGHT.most:
            raise ValueError(f"a class weight is a number from 0 to {ranges.WEIGHT.most:g}, got {weight!r}")
    if not any(weights):
        raise ValueError("some class needs a weight above 0")
    return value


ClassWeights = Annotated[
    Literal["balanced"] | dict[str, float] | tuple[float, ...], BeforeValidator(_checked_class_weights)
]
"""By class name (1 for a class without one), by position, or from the pixels of the training split."""


LossParameter = Annotated[float, number_within(ranges.LOSS_PARAMETER)]


class LossSpec(Spec):
    """One loss, written as its weight or as a mapping with its parameters."""

    weight: PositiveWeight = 1.0
    """Weight of the loss in the sum."""
    class_weights: ClassWeights | None = None
    """`balanced`, a weight for each class in order, or weights by class name (default 1)."""
    _place: str = PrivateAttr("loss")

    @property
    def place(self) -> str:
        """The file and line of its class weights."""
        return self._place

    @property
    def parameters(self) -> dict[str, Any]:
        """What this loss alone can be told."""
        own = [name for name in type(self).model_fields if name not in LossSpec.model_fields]
        return {name: getattr(self, name) for name in own}

    @model_validator(mode="before")
    @classmethod
    def _weight_alone(cls, value: Any) -> Any:
        return {"weight": value} if isinstance(value, int | float | str) else value

    @model_validator(mode="wrap")
    @classmethod
    def _note_place(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        loss = handler(value)
        if isinstance(value, CommentedMap) and "class_weights" in value:
            loss._place = line_in_yaml(value.lc.key("class_weights")[0], info)
        return loss

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Any:
        fields = type(self).model_fields
        told = {
            name: value
            for name, value in handler(self).items()
            if name != "weight" and getattr(self, name) != fields[name].default
        }
        return {"weight": self.weight, **told} if told else self.weight

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, handler(core_schema)]}


class CrossEntropySpec(LossSpec):
    """Cross entropy over pixels. Of classes that overlap, the binary cross entropy of each."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing."""
    positive_weight: PositiveWeight = 1.0
    """Of classes that overlap: how much more the pixels of a class count than those that are not of it."""


class FocalSpec(LossSpec):
    """Focal loss: pixels with a sure prediction count less."""

    gamma: float = Field(default=2.0, ge=0, le=ranges.LOSS_PARAMETER.most)
    """A pixel counts (1 - p)^gamma, where p is the probability of its class."""


class DiceSpec(LossSpec):
    """Dice loss."""


class JaccardSpec(LossSpec):
    """Jaccard (IoU) loss."""


class TverskySpec(LossSpec):
    """Tversky loss: Dice with a price for each kind of error."""

    alpha: LossParameter = 0.3
    """Price of false positives."""
    beta: LossParameter = 0.7
    """Price of false negatives."""


class LovaszSpec(LossSpec):
    """Lovász-softmax loss, which follows the IoU. Of classes that overlap, the Lovász hinge of each."""

    symmetric: bool = False
    """Of classes that overlap: whether the complement of a class counts as the class does."""


class MsSsimSpec(LossSpec):
    """Multi-scale structural similarity of probabilities and labels."""


class BoundarySpec(LossSpec):
    """Cross entropy in which pixels near a class boundary count more."""

    strength: LossParameter = 10.0
    """How much more a pixel on the boundary counts."""
    sigma: float = Field(default=5.0, ge=0.1, le=100)
    """Standard deviation of the fall-off with distance, in pixels."""


class OhemSpec(LossSpec):
    """Cross entropy of the hardest pixels (online hard example mining)."""

    keep: float = Field(default=0.25, ge=0.001, le=1)
    """Share of the labelled pixels that count, the hardest first."""


class LossMixSpec(Spec):
    """Losses by name. Training minimises their weighted sum."""

    cross_entropy: CrossEntropySpec | None = None
    """Cross entropy over pixels; of classes that overlap, binary cross entropy."""
    focal: FocalSpec | None = None
    """Focal loss."""
    dice: DiceSpec | None = None
    """Dice loss."""
    jaccard: JaccardSpec | None = None
    """Jaccard (IoU) loss."""
    tversky: TverskySpec | None = None
    """Tversky loss."""
    lovasz: LovaszSpec | None = None
    """Lovász-softmax loss; of classes that overlap, Lovász hinge."""
    ms_ssim: MsSsimSpec | None = None
    """Multi-scale structural similarity."""
    boundary: BoundarySpec | None = None
    """Cross entropy with more weight near class boundaries."""
    ohem: OhemSpec | None = None
    """Cross entropy of the hardest pixels."""

    @property
    def losses(self) -> dict[str, LossSpec]:
        """The losses that the recipe names."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: loss for name, loss in named.items() if loss is not None}

    @property
    def for_overlapping(self) -> list[tuple[str, str]]:
        """The losses, and their parameters, that are given and only for classes that overlap."""
        given = []
        if self.cross_entropy and self.cross_entropy.positive_weight != 1:
            given.append(("cross_entropy", "positive_weight"))
        if self.lovasz and self.lovasz.symmetric:
            given.append(("lovasz", "symmetric"))
        return given

    @model_validator(mode="before")
    @classmethod
    def _each_has_a_weight(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for name, loss in value.items():
                if loss is None:
                    raise ValueError(f"{name!r} needs a weight: {name}: 1.0")
        return value

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if not self.losses:
            raise ValueError("some loss is needed: {cross_entropy: 1.0}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: loss for name, loss in handler(self).items() if loss is not None}
