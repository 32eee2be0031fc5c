"""The check that probabilities are finite, before they become labels."""

import numpy as np

from seg.engine.passes.device_values import Merged
from seg.errors import ModelError


def is_finite(probabilities: Merged) -> bool:
    """Whether all values are finite; checks their sum, which one NaN or infinity makes not finite."""
    if not isinstance(probabilities, np.ndarray):
        return probabilities.is_finite()
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(probabilities.sum()))


def not_finite_error(member: str, image: str) -> ModelError:
    """The error for an image of that name; an empty name is left out."""
    place = f"image {image}" if image else "the image"
    return ModelError(
        f"{member}: its probabilities are not finite on {place}: train or export this member again, or leave"
        " it out"
    )
