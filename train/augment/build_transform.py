"""Albumentations transforms by name, with their parameters checked against the signature."""

import inspect
import warnings
from typing import Any, Final

import albumentations as albu
from pydantic import ValidationError

from seg.errors import SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec.base import did_you_mean
from seg.spec.recipe.augmentation import AugmentationStepSpec

_MASK_VALUES: Final = {"mask_interpolation": 0, "fill_mask": IGNORE_INDEX, "mask_drop_value": IGNORE_INDEX}
"""The only allowed values of parameters for masks: nearest interpolation, and the ignore index."""


def build_transform(step: AugmentationStepSpec) -> Any:
    """Build the transform that a step names; pixels from outside the image get the ignore index.

    Raises:
        SpecError: the transform, a parameter or a value is unknown, or does not support label maps.
    """
    kind = _transform_class(step)
    signature = inspect.signature(kind).parameters
    for name in step.parameters:
        if name not in signature:
            near = did_you_mean(name, signature)
            raise SpecError(f"{step.place}: {step.name} has no parameter {name!r}: {near}")
        if name in _MASK_VALUES and step.parameters[name] != _MASK_VALUES[name]:
            raise SpecError(f"{step.place}: {step.name}: {name} can only be {_MASK_VALUES[name]}: remove it")
    ours = {
        name: value
        for name, value in _MASK_VALUES.items()
        if name in signature and signature[name].default is not None
    }
    return _construct_transform(kind, step, ours | step.parameters)


def _transform_class(step: AugmentationStepSpec) -> Any:
    known = {name: kind for name, kind in vars(albu).items() if _is_transform(kind)}
    if step.name not in known:
        near = did_you_mean(step.name, known)
        raise SpecError(f"{step.place}: albumentations has no transform {step.name!r}: {near}")
    kind = known[step.name]
    if not issubclass(kind, albu.ImageOnlyTransform) and "MASK" not in _targets_of_transform(kind):
        raise SpecError(f"{step.place}: {step.name} does not support label maps: choose another transform")
    return kind


def _is_transform(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, albu.BasicTransform) and hasattr(kind, "_targets")


def _targets_of_transform(kind: Any) -> set[str]:
    targets = kind._targets
    return {target.name for target in (targets if isinstance(targets, tuple | list) else (targets,))}


def _construct_transform(kind: Any, step: AugmentationStepSpec, parameters: dict[str, Any]) -> Any:
    # Without `strict` albumentations replaces some wrong values by its defaults, with a warning.
    strict = {"strict": True} if "InitSchema" in vars(kind) else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(**parameters, **strict)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{step.place}: {step.name}: {_in_one_line(error)}") from error


def _in_one_line(error: Exception) -> str:
    """Albumentations raises ValueError from pydantic's error, whose first entry is enough."""
    if isinstance(error.__cause__, ValidationError):
        found = error.__cause__.errors()[0]
        message = found["msg"].removeprefix("Value error, ")
        return ": ".join([*map(str, found["loc"][:1]), message])
    return (str(error).splitlines() or [type(error).__name__])[0]
