"""One network in fp16 with other options of ONNX Runtime's CUDA provider, else as the engine runs it.

What the engine does not do yet is measured here first: a faster row is worth building, others are not.
"""

import ctypes
import functools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.monitor import Monitor
from benchmarks.gpu.harness.rows import Row
from seg.engine.merging.device_graphs import accumulation_graph, graph_tensor_name, sum_name, total_name
from seg.engine.merging.device_ops import view_indices
from seg.engine.passes.device_values import BatchOnDevice, Device, copy_to_device, run_from_host
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.nvidia.nvidia import PROVIDERS, CudaOptions, load_nvidia_provider
from seg.engine.runtimes.nvidia.pinned_memory import UploadBuffers, cuda_runtime
from seg.engine.runtimes.open import GPU_BATCH
from seg.image_type import RGB8
from seg.models.model_file import INPUT, OUTPUT, read_model_card

RunBatch = Callable[[], Any]

NON_BLOCKING: Final = 1
"""`cudaStreamNonBlocking`."""


@dataclass(frozen=True)
class CudaNetwork:
    """A model's session on a device, and a batch for it on the host.

    Attributes:
        options: of the CUDA provider, beside those of the engine.
        has_fixed_sizes: the sizes of the batch are written into the graph, so no node computes shapes.
    """

    model: Path
    device: Device
    images_nhwc: Any
    options: Mapping[str, str] = field(default_factory=dict)
    has_fixed_sizes: bool = False

    @functools.cached_property
    def session(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self.has_fixed_sizes:
            for name, size in zip(("N", "H", "W"), self.images_nhwc.shape, strict=False):
                options.add_free_dimension_override_by_name(name, size)
        return self.open(str(self.model), options)

    def open(self, source: str | bytes, options: Any = None) -> Any:
        if self.device == "cpu":
            return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        usual = CudaOptions(fixed_shapes=True).provider_options()
        return onnxruntime.InferenceSession(
            source, options, providers=[(PROVIDERS["cuda"], usual | dict(self.options))], enable_fallback=0
        )


def from_host(network: CudaNetwork) -> RunBatch:
    """The batch is uploaded, and the output stays on the device: as the engine runs it."""
    return lambda: run_from_host(network.session, network.device, INPUT, network.images_nhwc, OUTPUT)


def in_own_buffers(network: CudaNetwork) -> RunBatch:
    """The batch is uploaded into a buffer that stays, and the output written into another."""
    classes = len(read_model_card(network.model).classes)
    rows, height, width, _ = network.images_nhwc.shape
    image = copy_to_device(network.device, network.images_nhwc)
    output = copy_to_device(network.device, np.zeros((rows, classes, height, width), np.float32))
    binding = network.session.io_binding()
    binding.bind_ortvalue_input(INPUT, image)
    binding.bind_ortvalue_output(OUTPUT, output)

    def run_batch() -> Any:
        image.update_inplace(network.images_nhwc)
        network.session.run_with_iobinding(binding)
        return output

    return run_batch


def then_accumulated(network: CudaNetwork, *, waits: bool) -> RunBatch:
    """The network, then the sum of its probabilities; both are only put on the stream, or waited for."""
    rows, height, width, _ = network.images_nhwc.shape
    device, image = network.device, copy_to_device(network.device, network.images_nhwc)
    down, across = (copy_to_device(device, one) for one in view_indices(VIEWS["identity"], (height, width)))
    share, zero = (copy_to_device(device, np.full((1, 1), value, np.float32)) for value in (1 / rows, 0))
    accumulation = network.open(accumulation_graph((rows,)))
    how = onnxruntime.RunOptions()
    if not waits:
        how.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def run_batch() -> None:
        binding = network.session.io_binding()
        binding.bind_ortvalue_input(INPUT, image)
        binding.bind_output(OUTPUT, device)
        network.session.run_with_iobinding(binding, how)
        probabilities = BatchOnDevice(binding.get_outputs()[0])
        adding = accumulation.io_binding()
        adding.bind_ortvalue_input(sum_name(0), zero)
        for row in range(rows):
            one = probabilities[row]
            name = functools.partial(graph_tensor_name, number=0, row=row)
            adding.bind_input(name("probabilities"), device, 0, np.float32, one.shape, one.address)
            for tensor, value in (("shares", share), ("down", down), ("across", across)):
                adding.bind_ortvalue_input(name(tensor), value)
        adding.bind_output(total_name(0), device)
        accumulation.run_with_iobinding(adding, how)

    return run_batch


def measure_network(
    call: StepCall, network: CudaNetwork, title: str, run_batch: RunBatch, threads: int = 1
) -> None:
    """Add a row: passes a second of so many threads that run batch after batch."""
    run_batch()
    run_batch()
    ends_at = time.perf_counter() + call.workspace.scale.timed_s / 4

    def run_until_then(_: int) -> int:
        done = 0
        while time.perf_counter() < ends_at:
            run_batch()
            done += 1
        return done

    start = time.perf_counter()
    with Monitor() as monitor, ThreadPoolExecutor(threads) as pool:
        batches = sum(pool.map(run_until_then, range(threads)))
        cuda = cuda_runtime() if network.device == "cuda" else None
        if cuda:
            cuda.cudaDeviceSynchronize()
    seconds = time.perf_counter() - start
    passes = batches * len(network.images_nhwc)
    call.add(Row("options", title, {"passes/s": passes / seconds, **monitor.cells()}))


def as_the_engine(call: StepCall, network: CudaNetwork) -> None:
    for threads in (1, 2, 4):
        measure_network(
            call, network, f"as the engine runs it, streams: {threads}", from_host(network), threads
        )
    ordinary = replace(network, images_nhwc=network.images_nhwc.copy())
    measure_network(call, ordinary, "uploads from ordinary memory, streams: 2", from_host(ordinary), 2)


def with_options(call: StepCall, network: CudaNetwork) -> None:
    named = {
        "convolutions chosen by heuristics": {"cudnn_conv_algo_search": "HEURISTIC"},
        "channels last": {"prefer_nhwc": "1"},
        "bias within convolutions": {"fuse_conv_bias": "1"},
    }
    if network.device == "cuda":
        for title, options in named.items():
            other = replace(network, options=options)
            measure_network(call, other, title, from_host(other))
    fixed = replace(network, has_fixed_sizes=True)
    measure_network(call, fixed, "sizes written into the graph", from_host(fixed))
    measure_network(call, fixed, "sizes written into the graph, buffers that stay", in_own_buffers(fixed))


def with_cuda_graph(call: StepCall, network: CudaNetwork) -> None:
    """Only graphs without arithmetic on shapes are captured: ONNX Runtime leaves that to the CPU."""
    captured = replace(network, has_fixed_sizes=True, options={"enable_cuda_graph": "1"})
    measure_network(call, captured, "CUDA graph, buffers that stay", in_own_buffers(captured))


def without_waiting(call: StepCall, network: CudaNetwork) -> None:
    measure_network(call, network, "with accumulation, streams: 1", then_accumulated(network, waits=True))
    cuda = cuda_runtime() if network.device == "cuda" else None
    if cuda is None:
        return
    stream = ctypes.c_void_p()
    if cuda.cudaStreamCreateWithFlags(ctypes.byref(stream), ctypes.c_uint(NON_BLOCKING)):
        raise SystemExit("CUDA makes no stream")
    # Both sessions' work is in order on one stream, so that neither has to be waited for.
    one = replace(network, options={"user_compute_stream": str(stream.value)})
    measure_network(
        call, one, "with accumulation, streams: 1, without waiting", then_accumulated(one, waits=False)
    )


STEPS: Final[dict[str, Callable[[StepCall, CudaNetwork], None]]] = {
    "streams": as_the_engine,
    "options": with_options,
    "graph": with_cuda_graph,
    "waiting": without_waiting,
}
ON_CUDA_ALONE: Final = ("graph",)


def measure_options(call: StepCall) -> None:
    what, scale, device = call.arguments[0], call.workspace.scale, call.workspace.device
    if device == "cuda":
        load_nvidia_provider("cuda")
    elif what in ON_CUDA_ALONE:
        call.add(Row("options", what, status="absent", note="absent: no NVIDIA device is visible"))
        return
    buffers = UploadBuffers() if device == "cuda" else UploadBuffers(lambda size: np.empty(size, np.uint8))
    images_nhwc = buffers.blank(RGB8, (GPU_BATCH, scale.side, scale.side))
    images_nhwc[...] = np.random.default_rng(0).integers(0, 256, images_nhwc.shape)
    model = call.workspace.runs("fp16") / scale.networks[0].name / "model.onnx"
    STEPS[what](call, CudaNetwork(model, device, images_nhwc))


if __name__ == "__main__":
    run_as_child(measure_options)
