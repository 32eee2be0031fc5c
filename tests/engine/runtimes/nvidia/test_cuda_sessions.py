"""Sessions on CUDA, built by ONNX Runtime's own CUDA library over a driver that is a stub.

Options are read and nodes are placed as on a device; nothing computes. That sessions are built is shown here,
that they run, or what they give, is not.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

STUB = Path(__file__).with_name("stub_cuda.c")
SITE = Path(onnxruntime.__file__).parents[1]
LIBRARY = SITE / "onnxruntime/capi/libonnxruntime_providers_cuda.so"
COMPILER = shutil.which("gcc")
NEEDED = ("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13")

pytestmark = [
    pytest.mark.skipif(not LIBRARY.exists(), reason="this ONNX Runtime was built without CUDA"),
    pytest.mark.skipif(not COMPILER, reason="the stub of a driver takes gcc"),
    pytest.mark.skipif(
        any(not (SITE / "nvidia/cu13/lib" / name).exists() for name in NEEDED),
        reason="CUDA's libraries are not here",
    ),
]

BUILD = """
import sys
from pathlib import Path
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.open import open_runtime

nvidia.has_nvidia_device = lambda: True
fixed = nvidia.CudaOptions(fixed_shapes=True, channels_last=True, memory=10**9)
for options in (nvidia.DEFAULT_OPTIONS, fixed):
    print(open_runtime(Path(sys.argv[1]), "cuda", Streams(2, 1), cuda=options).placement(None))
for model in sys.argv[2:]:
    print(open_runtime(Path(model), "cuda", Streams(2, 1)).placement(None))
ops = DeviceOps("cuda", 4)
sessions = [ops._accumulation_session((3, 2, 1))]
sessions += [opened(2) for opened in (ops._argmax_session, ops._masks_session, ops._totals_session)]
for session in sessions:
    print({part.ep_name for part in session.get_provider_graph_assignment_info()})
"""

CAPTURE = """
import sys
from pathlib import Path
import numpy as np
from benchmarks.gpu.steps.cuda_options import CudaNetwork
from seg.engine.runtimes.nvidia import nvidia

nvidia.has_nvidia_device = lambda: True
nvidia.load_nvidia_provider("cuda")
images_nhwc = np.zeros((2, 40, 50, 3), np.uint8)
session = CudaNetwork(Path(sys.argv[1]), "cuda", images_nhwc, {"enable_cuda_graph": "1"}, True).session
print(session.get_outputs()[0].shape)
print({part.ep_name for part in session.get_provider_graph_assignment_info()})
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of libraries that stand for a driver, cuDNN and cuRAND."""
    folder = tmp_path_factory.mktemp("driver")
    for name in ("libcuda.so.1", "libcudnn.so.9", "libcurand.so.10"):
        command = [
            str(COMPILER),
            "-shared",
            "-fPIC",
            "-w",
            f"-Wl,-soname,{name}",
            "-o",
            name,
            str(STUB),
        ]
        subprocess.run(command, cwd=folder, check=True)
    return folder


def build(driver: Path, code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    preloaded = " ".join(str(library) for library in sorted(driver.iterdir()))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LD_PRELOAD": preloaded},
    )


def padded_to_stride(path: Path, pixels: int = TensorProto.UINT8) -> Path:
    """A model that pads images of any size to multiples of 32 and crops its output, as exported ones do.

    What is not a number is replaced, as in images with pixels that have no data.
    """
    constants = {
        "kernel": np.zeros((4, 3, 3, 3), np.float32),
        "stride": np.array([32]),
        "sides": np.array([1, 2]),
        "zeros": np.zeros(6, np.int64),
        "zero": np.zeros(1, np.int64),
        "no_data": np.array(0, np.float32),
        "crop_axes": np.array([2, 3]),
        "starts": np.zeros(2, np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("IsNaN", ["values"], ["lacks_data"]),
        helper.make_node("Where", ["lacks_data", "no_data", "values"], ["float"]),
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Gather", ["shape", "sides"], ["size"]),
        helper.make_node("Neg", ["size"], ["below"]),
        helper.make_node("Mod", ["below", "stride"], ["missing"]),
        helper.make_node(
            "Concat", ["zero", "zero", "zero", "zero", "zero", "missing", "zero"], ["pads"], axis=0
        ),
        helper.make_node("Pad", ["float", "pads"], ["padded"], mode="edge"),
        helper.make_node("Transpose", ["padded"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Slice", ["logits", "starts", "size", "crop_axes"], ["cropped"]),
        helper.make_node("Softmax", ["cropped"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "padded",
        [helper.make_tensor_value_info("image", pixels, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 4, "H", "W"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.slow
def test_models_and_merges_are_built_on_cuda(driver: Path, tmp_path: Path) -> None:
    of_bands = [
        padded_to_stride(tmp_path / f"{pixels}.onnx", pixels)
        for pixels in (TensorProto.UINT16, TensorProto.FLOAT)
    ]
    done = build(driver, BUILD, padded_to_stride(tmp_path / "padded.onnx"), *of_bands)
    assert done.returncode == 0, done.stderr
    usual, channels_last, of_16_bits, of_floats, *merges = done.stdout.splitlines()
    assert "CUDA" in of_16_bits
    assert "CUDA" in of_floats
    assert "CUDA" in usual
    assert " CPU" in usual, "arithmetic on shapes, which ONNX Runtime leaves there"
    assert "CUDA" in channels_last
    assert merges == ["{'CUDAExecutionProvider'}"] * 4


@pytest.mark.slow
def test_an_option_that_this_onnx_runtime_does_not_know_is_one_line(driver: Path, tmp_path: Path) -> None:
    code = BUILD.replace(
        "nvidia.has_nvidia_device =",
        "nvidia.CudaOptions.provider_options = lambda _: {'nonsense': '1'}\nnvidia.has_nvidia_device =",
    )
    done = build(driver, code, padded_to_stride(tmp_path / "padded.onnx"))
    last = done.stderr.splitlines()[-1]
    assert last.startswith("seg.errors.MissingRuntimeError: runtime cuda: not usable here")
    assert "nonsense" in last


@pytest.mark.slow
def test_a_cuda_graph_takes_sizes_that_are_written_into_the_model(driver: Path, tmp_path: Path) -> None:
    done = build(driver, CAPTURE, padded_to_stride(tmp_path / "padded.onnx"))
    assert done.stdout.splitlines() == ["[2, 4, 40, 50]", "{'CUDAExecutionProvider'}"], done.stderr
