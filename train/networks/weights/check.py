"""Checks of weights from a file before they are loaded: type, shape, dtype, finite values."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seg.errors import ModelError


def check_weight_tensor(source: object, name: str, given: Any, wanted: Tensor) -> Tensor:
    """Return a tensor from a file if it can replace a network's tensor.

    Raises:
        ModelError: it is not a dense tensor with values, has another shape or dtype, or is not finite.
    """
    problem = _problem_of_tensor(given, wanted)
    if problem:
        raise ModelError(f"{source}: {name!r} {problem}")
    tensor: Tensor = given
    return tensor


def check_weight_tensors(source: object, given: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> None:
    """Check all tensors of a network; raises ModelError for the first that does not fit."""
    for name, tensor in wanted.items():
        check_weight_tensor(source, name, given[name], tensor)


def _problem_of_tensor(given: Any, wanted: Tensor) -> str:
    if not isinstance(given, Tensor):
        return f"is not a tensor but of type {type(given).__name__}: save a state_dict() of tensors"
    shape, wanted_shape = tuple(given.shape), tuple(wanted.shape)
    if given.is_meta:
        problem = "has no values, only a shape: save the weights themselves"
    elif given.layout != torch.strided or given.is_quantized:
        problem = "is sparse or quantised: save it as a plain tensor"
    elif shape != wanted_shape:
        problem = f"has shape {shape}, the network's is {wanted_shape}: it belongs to another network"
    elif given.is_floating_point() != wanted.is_floating_point() or given.is_complex():
        problem = f"is of {given.dtype}, the network's of {wanted.dtype}: save it as {wanted.dtype}"
    elif given.is_floating_point() and not bool(given.double().sum().isfinite()):
        problem = "is not finite: train again"
    else:
        problem = ""
    return problem
