"""Which runtimes really run a model here: each builds a tiny one and runs it, in a process of its own.

ONNX Runtime lists providers that it cannot load, and builds a session on the CPU instead without a word; a
library of the wrong version can end the process. So nothing short of a trial tells.
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
from seg.engine.runtimes.cuda_device import gpu_name, load_cuda
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.tensorrt_library import load_library
from seg.errors import EXIT_USER_ERROR, MissingRuntimeError, SegError
from seg.model_file import INPUT, OUTPUT
from seg.spec.prediction import RuntimeName

TIME_LIMIT_S: Final = 120
"""TensorRT takes some seconds to build even a tiny engine."""

_SIDE: Final = 8
_KERNEL: Final = 3
_LEAST: Final = 1e-2
"""The largest difference of a probability, which bf16 and TensorFloat-32 stay below."""


class Trial(BaseModel):
    """Whether a runtime built a model and ran it rightly; else why not. `runs_on` is what it said it is."""

    model_config = ConfigDict(frozen=True)

    runtime: RuntimeName
    is_usable: bool
    runs_on: str = ""
    reason: str = ""


def try_all() -> tuple[Trial, ...]:
    """A trial of every runtime that a spec can name."""
    return tuple(try_runtime(name) for name in get_args(RuntimeName))


def try_runtime(name: RuntimeName) -> Trial:
    """Try a runtime in a process of its own, which may crash or hang; never raises."""
    command = [sys.executable, "-m", "seg.engine.doctor.runtime_checks", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Trial(runtime=name, is_usable=False, reason=f"not ready after {TIME_LIMIT_S} s")
    if done.returncode == 0:
        return Trial(runtime=name, is_usable=True, runs_on=_last_line(done.stdout))
    reason = _last_line(done.stderr)
    if done.returncode != EXIT_USER_ERROR:
        reason = f"the trial ended with code {done.returncode}: {reason}"
    return Trial(runtime=name, is_usable=False, reason=reason)


def run_trial(name: RuntimeName) -> str:
    """Build and run in this process; says what ran the model.

    Raises:
        SegError: it cannot be used; says why.
    """
    if name == "tensorrt-plan":
        # To build a plan takes `seg export`; what can be tried is what it runs with.
        library = load_library("tensorrt")
        return f"TensorRT {library.__version__}, {gpu_name(load_cuda())}; no plan was tried"
    images_nhwc = np.random.default_rng(0).integers(0, 256, (1, _SIDE, _SIDE, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.onnx"
        onnx.save(tiny_model(), model)
        runtime = open_runtime(model, name, Streams(1, 1))
        probabilities = runtime.run(images_nhwc)
        if not np.allclose(probabilities, expected(images_nhwc), atol=_LEAST):
            raise MissingRuntimeError(f"runtime {name}: not usable here: it computes wrong numbers")
        return str(runtime.describe())


def tiny_model() -> onnx.ModelProto:
    """Under the contract: a mean over 3x3 pixels of each channel by a convolution, then a softmax."""
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


def expected(
    images_nhwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What `tiny_model` gives, by NumPy."""
    padded = np.pad(images_nhwc / 255, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_KERNEL, _KERNEL), axis=(1, 2))
    raised = np.exp(windows.mean(axis=(-1, -2)))
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = raised / raised.sum(axis=-1, keepdims=True)
    return shares.transpose(0, 3, 1, 2)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def main() -> None:
    (name,) = sys.argv[1:]
    try:
        sys.stdout.write(f"{run_trial(name)}\n")  # type: ignore[arg-type]
    except SegError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
