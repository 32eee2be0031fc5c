"""Weights from a file, looked at before they go into a network."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seg.errors import ModelError


def check_tensor(source: object, name: str, given: Any, wanted: Tensor) -> Tensor:
    """A parameter that a file gives, which can take the place of a network's.

    Raises:
        ModelError: it is no tensor of numbers in memory, of another shape, or not finite.
    """
    problem = _problem(given, wanted)
    if problem:
        raise ModelError(f"{source}: {name!r} {problem}")
    tensor: Tensor = given
    return tensor


def check_tensors(source: object, given: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> None:
    """The same for all of a network's; raises ModelError for the first that does not fit."""
    for name, tensor in wanted.items():
        check_tensor(source, name, given[name], tensor)


def _problem(given: Any, wanted: Tensor) -> str:
    if not isinstance(given, Tensor):
        return f"is no tensor, but of type {type(given).__name__}: save a state_dict() of tensors"
    shape, wanted_shape = tuple(given.shape), tuple(wanted.shape)
    if given.is_meta:
        problem = "has no values, only a shape: save the weights themselves"
    elif given.layout != torch.strided or given.is_quantized:
        problem = "is sparse or quantised: save it as a plain tensor"
    elif shape != wanted_shape:
        problem = f"has shape {shape}, the network's is {wanted_shape}: it is another network's"
    elif given.is_floating_point() != wanted.is_floating_point() or given.is_complex():
        problem = f"is of {given.dtype}, the network's of {wanted.dtype}: save it as {wanted.dtype}"
    elif given.is_floating_point() and not bool(given.double().sum().isfinite()):
        problem = "is not finite: train again"
    else:
        problem = ""
    return problem
