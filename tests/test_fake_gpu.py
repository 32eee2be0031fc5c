"""The fake GPU against the libraries that it stands for: their names and parameters, which need no device."""

import inspect
import re
from types import ModuleType
from typing import Any

import pytest

from tests import fake_gpu, fake_trt


def parameters(function: Any) -> list[list[str]]:
    """What a compiled function must be told besides `self`, by its documentation, a list an overload."""
    signature = rf"^(?:\d+\. )?{function.__name__}\((.*?)\)(?: -> .*)?$"
    return [
        [
            one.partition(":")[0].split(" ")[-1]
            for one in re.split(r", (?![^\[]*\])", call)
            if one and "=" not in one and not one.startswith(("self", "*"))
        ]
        for call in re.findall(signature, function.__doc__, re.MULTILINE)
    ]


def assert_offers(real: type | ModuleType, fake: type) -> None:
    """The real one has each public name of the fake, and what is called takes what the fake's takes."""
    public = {name: value for name, value in vars(fake).items() if not name.startswith("_")}
    assert public
    for name, value in public.items():
        assert hasattr(real, name), f"{real.__name__}.{name}"
        if inspect.isfunction(value):
            _, *taken = inspect.signature(value).parameters
            assert taken in parameters(getattr(real, name))


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        (fake_trt.Logger, "ILogger"),
        (fake_trt.Runtime, "Runtime"),
        (fake_trt.Engine, "ICudaEngine"),
        (fake_trt.Context, "IExecutionContext"),
        (fake_trt.DataType, "DataType"),
        (fake_trt.TensorIOMode, "TensorIOMode"),
    ],
)
def test_the_fake_offers_what_tensorrt_does(fake: type, real: str) -> None:
    library = pytest.importorskip("tensorrt_rtx", reason="TensorRT's names are checked on its RTX kind")
    assert_offers(getattr(library, real), fake)


def test_the_fake_offers_what_cuda_does() -> None:
    cuda = pytest.importorskip("cuda.bindings.runtime", reason="CUDA's names are checked on its bindings")
    assert_offers(cuda, fake_gpu.Cuda)
    assert_offers(cuda.cudaDeviceProp, fake_gpu.DeviceProp)
    for real, enum in ((cuda.cudaError_t, fake_gpu.Error), (cuda.cudaMemcpyKind, fake_gpu.Kind)):
        assert {one.name: int(getattr(real, one.name)) for one in enum} == {one.name: one for one in enum}
