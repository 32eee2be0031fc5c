"""Runtime checks: each runtime loads and runs a tiny model in a process of its own.

ONNX Runtime lists providers that it cannot load, and silently falls back to the CPU. A library of the wrong
version can crash the process. So only a real run shows whether a runtime is usable.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, get_args

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel, ConfigDict

from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.nvidia.cuda_device import gpu_name, load_cuda
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.tensorrt.library import import_tensorrt
from seg.errors import EXIT_USER_ERROR, MissingRuntimeError, SegError
from seg.models.model_file import INPUT, OUTPUT
from seg.spec.ensemble.prediction import RuntimeName

TIME_LIMIT_S: Final = 120
"""The most seconds of a check; TensorRT takes some even for a tiny engine."""

_SIDE: Final = 8
_KERNEL: Final = 3
_TOLERANCE: Final = 1e-2
"""The largest allowed error of a probability; bf16 and TensorFloat-32 stay below it."""


class RuntimeCheck(BaseModel):
    """Whether a runtime ran the tiny model correctly, else the reason. `runs_on` describes the runtime."""

    model_config = ConfigDict(frozen=True)

    runtime: RuntimeName
    is_usable: bool
    runs_on: str = ""
    reason: str = ""


def check_all_runtimes() -> tuple[RuntimeCheck, ...]:
    """Check every runtime that a spec can name."""
    return tuple(check_runtime(name) for name in get_args(RuntimeName))


def check_runtime(name: RuntimeName) -> RuntimeCheck:
    """Check a runtime in a process of its own, which may crash or hang; never raises."""
    command = [sys.executable, "-m", "seg.engine.doctor.runtime_checks", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return RuntimeCheck(runtime=name, is_usable=False, reason=f"not ready after {TIME_LIMIT_S} s")
    if done.returncode == 0:
        return RuntimeCheck(runtime=name, is_usable=True, runs_on=_last_line_of_check(done.stdout))
    reason = _last_line_of_check(done.stderr)
    if done.returncode != EXIT_USER_ERROR:
        reason = f"the check ended with code {done.returncode}: {reason}"
    return RuntimeCheck(runtime=name, is_usable=False, reason=reason)


def run_runtime_check(name: RuntimeName) -> str:
    """Run the tiny model in this process; returns the runtime's description.

    Raises:
        SegError: the runtime cannot be used, with the reason.
    """
    if name == "tensorrt-plan":
        # A plan is built by `seg export`; only its libraries and device can be checked here.
        library = import_tensorrt("tensorrt")
        return f"TensorRT {library.__version__}, {gpu_name(load_cuda())}; no plan was tried"
    images_nhwc = np.random.default_rng(0).integers(0, 256, (1, _SIDE, _SIDE, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.onnx"
        onnx.save(tiny_model_to_check(), model)
        runtime = open_runtime(model, name, Streams(1, 1))
        probabilities = runtime.run(images_nhwc)
        if not np.allclose(probabilities, expected_probabilities(images_nhwc), atol=_TOLERANCE):
            raise MissingRuntimeError(f"runtime {name}: not usable here: it computes wrong numbers")
        return str(runtime.describe())


def tiny_model_to_check() -> onnx.ModelProto:
    """A model within seg's contract: a 3x3 mean of each channel by a convolution, then a softmax."""
    kernel = np.zeros((3, 3, _KERNEL, _KERNEL), np.float32)
    kernel[range(3), range(3)] = 1 / (255 * _KERNEL**2)
    nodes = [
        helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def expected_probabilities(
    images_nhwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The output of `tiny_model_to_check`, computed by NumPy."""
    padded = np.pad(images_nhwc / 255, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_KERNEL, _KERNEL), axis=(1, 2))
    raised = np.exp(windows.mean(axis=(-1, -2)))
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = raised / raised.sum(axis=-1, keepdims=True)
    return shares.transpose(0, 3, 1, 2)


def _last_line_of_check(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def main() -> None:
    (name,) = sys.argv[1:]
    try:
        sys.stdout.write(f"{run_runtime_check(name)}\n")  # type: ignore[arg-type]
    except SegError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
