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
from seg.spec.base import PositiveWeight, Spec, place_of, within


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


LossParameter = Annotated[float, within(ranges.LOSS_PARAMETER)]


class LossSpec(Spec):
    """One loss. Written as its weight, or as a mapping with what else it is told."""

    weight: PositiveWeight = 1.0
    class_weights: ClassWeights | None = None
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
            loss._place = place_of(value.lc.key("class_weights")[0], info)
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
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class FocalSpec(LossSpec):
    """`gamma` is how much less a pixel counts the surer the network is of its class."""

    gamma: float = Field(default=2.0, ge=0, le=ranges.LOSS_PARAMETER.most)


class DiceSpec(LossSpec):
    pass


class JaccardSpec(LossSpec):
    pass


class TverskySpec(LossSpec):
    """`alpha` is the price of false positives, `beta` that of false negatives."""

    alpha: LossParameter = 0.3
    beta: LossParameter = 0.7


class LovaszSpec(LossSpec):
    pass


class MsSsimSpec(LossSpec):
    pass


class BoundarySpec(LossSpec):
    """A pixel on a boundary counts `strength` times more; with the distance that falls as a gaussian.

    `sigma` is its standard deviation in pixels.
    """

    strength: LossParameter = 10.0
    sigma: float = Field(default=5.0, ge=0.1, le=100)


class OhemSpec(LossSpec):
    """`keep` is the share of labelled pixels, the hardest ones, that count."""

    keep: float = Field(default=0.25, ge=0.001, le=1)


class LossMixSpec(Spec):
    """Losses by name; what is trained on is their sum, each times its weight."""

    cross_entropy: CrossEntropySpec | None = None
    focal: FocalSpec | None = None
    dice: DiceSpec | None = None
    jaccard: JaccardSpec | None = None
    tversky: TverskySpec | None = None
    lovasz: LovaszSpec | None = None
    ms_ssim: MsSsimSpec | None = None
    boundary: BoundarySpec | None = None
    ohem: OhemSpec | None = None

    @property
    def losses(self) -> dict[str, LossSpec]:
        """The losses that the recipe names."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: loss for name, loss in named.items() if loss is not None}

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
