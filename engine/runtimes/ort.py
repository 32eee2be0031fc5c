"""ONNX Runtime on the CPU, on CUDA, and on CUDA through TensorRT."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Literal

import onnx

from seg.engine.passes.device_values import BatchOnDevice, Device, run_from_host
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.gpu_libraries import GpuProvider
from seg.errors import MissingRuntimeError, ModelError
from seg.image_type import RGB8, ImageType, PixelType
from seg.models.model_file import INPUT, OUTPUT
from seg.models.safety import load_safe_onnx
from seg.models.temperature import set_temperature_in_graph

ProviderName = Literal["cpu"] | GpuProvider

_CPU: Final = "CPUExecutionProvider"
_PIXELS: Final[dict[str, PixelType]] = {"tensor(uint16)": "uint16", "tensor(float)": "float32"}
_FATAL_ONLY: Final = 4
"""Errors are raised; at lower levels the log would repeat them."""

_SHAPE_OPS: Final = frozenset(
    {
        *("Add", "Ceil", "Clip", "Div", "Floor", "Max", "Min", "Mod", "Mul", "Neg", "Sub"),
        *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Where"),
        *("Cast", "ConstantOfShape", "Identity", "Range", "ReduceMax", "ReduceMin", "ReduceProd"),
        *("Concat", "Expand", "Gather", "Reshape", "Shape", "Size", "Slice", "Split", "Squeeze", "Unsqueeze"),
    }
)
"""Operations that compute shapes; all of them have kernels for CUDA, too."""


class OrtRuntime(Runtime):
    """A session on one device, without fallback: CUDA and TensorRT never fall back to the CPU."""

    def __init__(
        self,
        model: Path,
        name: ProviderName,
        streams: Streams,
        temperature: float = 1.0,
        content: bytes | None = None,
        cuda: nvidia.CudaOptions = nvidia.DEFAULT_OPTIONS,
    ) -> None:
        """Load the file `model`, or `content`, which is derived from it."""
        import onnxruntime

        self._wanted = _ort_provider_of(name)
        self._device: Device = "cpu" if name == "cpu" else "cuda"
        self._info = RuntimeInfo(
            name=name,
            library=f"ONNX Runtime {onnxruntime.__version__}",
            device="CPU" if name == "cpu" else "CUDA",
            streams=streams,
            whole_batches=name != "cpu",
        )
        source = _model_with_temperature(model, content, temperature)
        try:
            self._session = open_ort_session(source, name, streams.threads, model.parent, cuda)
        except MissingRuntimeError:
            raise
        except Exception as error:  # its exceptions have no common base
            reason = str(error).splitlines()[0]
            raise ModelError(f"{model}: ONNX Runtime cannot load it: {reason}") from error
        self.image_type = _session_image_type(self._session)

    @property
    def device(self) -> Device:
        return self._device

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        with nvidia.nvidia_errors(self._info.name):
            probabilities: ProbabilitiesNCHW = self._session.run(None, {INPUT: images_nhwc})[0]
        return probabilities

    def release_memory(self) -> None:
        """Shrink the CPU's arena, which ONNX Runtime does at the end of a batch: here of a small one."""
        import onnxruntime

        if self._device != "cpu":
            return

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run(None, {INPUT: self.image_type.blank((1, 32, 32))}, options)

    def _infer_on_device(self, images_nhwc: ImagesNHWC) -> BatchOnDevice:
        with nvidia.nvidia_errors(self._info.name):
            probabilities = run_from_host(self._session, self._device, INPUT, images_nhwc, OUTPUT)
        return BatchOnDevice(probabilities)

    def placement(self, _: ImagesNHWC) -> Placement:
        parts = self._session.get_provider_graph_assignment_info()
        nodes: Counter[str] = Counter()
        for part in parts:
            nodes[part.ep_name.removesuffix("ExecutionProvider")] += len(part.get_nodes())
        fallen_back = tuple(_fallen_back_nodes(self._session, {self._wanted}))
        return Placement(dict(nodes), fallen_back)

    def describe(self) -> RuntimeInfo:
        return self._info


def _session_image_type(session: Any) -> ImageType:
    """What the session's model takes."""
    image = session.get_inputs()[0]
    bands = image.shape[3] if len(image.shape) == 4 and isinstance(image.shape[3], int) else RGB8.bands
    return ImageType(_PIXELS.get(image.type, RGB8.pixels), bands)


def _model_with_temperature(model: Path, content: bytes | None, temperature: float) -> Path | bytes:
    """The model with its temperature set; the file itself if nothing in it changes."""
    if temperature == 1:
        return content or model
    graph = onnx.load_from_string(content) if content else load_safe_onnx(model)
    set_temperature_in_graph(graph, temperature, model)
    return graph.SerializeToString()


def open_ort_session(
    source: Path | bytes,
    name: ProviderName,
    threads: int,
    folder: Path | None = None,
    cuda: nvidia.CudaOptions = nvidia.DEFAULT_OPTIONS,
) -> Any:
    """Open a session on the device of that name; there is no fallback.

    Args:
        source: a graph's file, or its content.
        threads: CPU threads of a batch.
        folder: of the external weights.
        cuda: options of an NVIDIA device.

    Raises:
        MissingRuntimeError: there is no such device, or it cannot run the graph.
        Exception: on the CPU, any error of ONNX Runtime.
    """
    import onnxruntime

    options = _session_options(threads, folder)
    if name == "cpu":
        return onnxruntime.InferenceSession(source, options, providers=[_CPU], enable_fallback=0)
    nvidia.load_nvidia_provider(name)
    try:
        # Without it, ONNX Runtime prints what failed and falls back.
        session = onnxruntime.InferenceSession(
            source, options, providers=nvidia.nvidia_session_providers(name, cuda), enable_fallback=0
        )
    except Exception as error:
        raise nvidia.nvidia_unusable(name, str(error).splitlines()[0]) from error
    used = session.get_providers()[0]
    if used != _ort_provider_of(name):
        raise nvidia.nvidia_unusable(name, f"the session was built on {used}")
    fallen_back = _fallen_back_nodes(session, set(nvidia.PROVIDERS.values()))
    if fallen_back:
        raise nvidia.nvidia_unusable(name, f"it has no kernel for {', '.join(fallen_back[:3])}")
    return session


def _fallen_back_nodes(session: Any, wanted: Collection[str]) -> list[str]:
    """The nodes that none of the wanted providers runs.

    Arithmetic on shapes does not count: ONNX Runtime leaves it to the CPU on purpose, so that
    `session.disable_cpu_ep_fallback` would refuse every model with dynamic image sizes.
    Source: its `GetCpuPreferredNodes`.
    """
    return [
        f"{node.name} ({node.op_type})"
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name not in wanted
        for node in part.get_nodes()
        if part.ep_name != _CPU or node.op_type not in _SHAPE_OPS
    ]


def _ort_provider_of(name: ProviderName) -> str:
    return _CPU if name == "cpu" else nvidia.PROVIDERS[name]


def _session_options(threads: int, folder: Path | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads
    # Threads that spin for work take cores from other streams.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if folder:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options
