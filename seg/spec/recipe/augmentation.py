"""What happens to training images, as a recipe writes it: presets, transforms by name, pasting.

Names and parameters of transforms are albumentations', which is not at hand here: they are checked
before training, and `place` keeps the line that an error then names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seg.spec.base import Spec, did_you_mean, line_in_yaml

Preset = Literal["none", "light", "notes", "heavy"]
PRESETS: Final[tuple[Preset, ...]] = get_args(Preset)


class AugmentationStepSpec(Spec):
    """A preset by its name, or a transform of albumentations with its parameters.

    Written `light`, `CLAHE` or `{GaussNoise: {p: 0.3}}`.
    """

    name: str
    """A preset, or a transform of albumentations."""
    parameters: dict[str, JsonValue] = Field(default={})
    """The transform's parameters, as albumentations names them."""
    place: str = Field(default="augmentation", exclude=True, repr=False)
    """The file and line of the step, for messages."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if not isinstance(value, _PlacedStep):
            return value
        written, place = value.written, value.place
        if isinstance(written, str):
            return {"name": _known_transform(written), "place": place}
        if isinstance(written, Mapping) and len(written) == 1:
            ((name, parameters),) = written.items()
            if name not in PRESETS and isinstance(parameters, Mapping | None):
                return {"name": _known_transform(str(name)), "parameters": parameters or {}, "place": place}
        raise ValueError(f"is a preset, a transform, or {{Transform: {{parameter: value}}}}, got {written!r}")

    def written(self) -> str | dict[str, dict[str, Any]]:
        """The step as a recipe writes it."""
        return {self.name: dict(self.parameters)} if self.parameters else self.name


class _PlacedStep:
    """What was written, and where."""

    def __init__(self, written: Any, place: str) -> None:
        self.written = written
        self.place = place


def _known_transform(name: str) -> str:
    """Transforms are CamelCase; what is not must be a preset."""
    if name not in PRESETS and not name[:1].isupper():
        raise ValueError(f"{name!r} is not known: {did_you_mean(name, PRESETS)}")
    return name


def _augmentation_as_list(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        if _known_transform(value) not in PRESETS:
            raise ValueError(f"a transform stands in a list: [{value}]")
        return [_PlacedStep(value, "augmentation")]
    if isinstance(value, CommentedSeq):
        return [_PlacedStep(one, line_in_yaml(value.lc.item(i)[0], info)) for i, one in enumerate(value)]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(
            f"is one of {', '.join(PRESETS)}, or a list of them and of transforms, got {value!r}"
        )
    return [
        one if isinstance(one, AugmentationStepSpec) else _PlacedStep(one, "augmentation") for one in value
    ]


def _augmentation_as_written(steps: tuple[AugmentationStepSpec, ...]) -> Any:
    written = [step.written() for step in steps]
    return written[0] if len(written) == 1 and written[0] in PRESETS else written


Augmentation = Annotated[
    tuple[AugmentationStepSpec, ...],
    BeforeValidator(
        _augmentation_as_list, json_schema_input_type=Preset | list[str | dict[str, dict[str, JsonValue]]]
    ),
    PlainSerializer(_augmentation_as_written),
]
"""Steps in order; written as a preset's name or a list."""


def _rare_or_class_names(value: Any) -> Any:
    if value != "rare" and (isinstance(value, str) or not value):
        raise ValueError(f"is 'rare', or a list of classes, got {value!r}")
    return value


class CopyPasteSpec(Spec):
    """Objects of some classes, pasted from other training images."""

    probability: float = Field(default=0.5, gt=0, le=1)
    """Share of the transformed crops that get objects pasted."""
    classes: Annotated[tuple[str, ...] | Literal["rare"], BeforeValidator(_rare_or_class_names)] = "rare"
    """Class names, or `rare`: the classes with less than half the pixels of the median class."""
    _place: str = PrivateAttr("copy_paste")

    @property
    def place(self) -> str:
        """The file and line of the section, for messages."""
        return self._place

    @model_validator(mode="wrap")
    @classmethod
    def _note_place(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        section = handler(value)
        if isinstance(value, CommentedMap):
            section._place = line_in_yaml(value.lc.line, info)
        return section
