"""ONNX Runtime on the CPU, on CUDA, and on CUDA through TensorRT."""

from collections import Counter
from pathlib import Path
from typing import Any, Final, Literal

import onnx

from seg.engine.passes.device_values import AnswersOnDevice, Device, run_bound
from seg.engine.runtimes import nvidia
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.gpu_libraries import GpuProvider
from seg.errors import MissingRuntimeError, ModelError
from seg.model_file import INPUT, OUTPUT
from seg.model_safety import load_graph
from seg.temperature import set_temperature

ProviderName = Literal["cpu"] | GpuProvider

_CPU: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3


class OrtRuntime(Runtime):
    """A session on one device. Asked for CUDA or TensorRT, it runs there or not at all."""

    def __init__(
        self,
        model: Path,
        name: ProviderName,
        streams: Streams,
        temperature: float = 1.0,
        content: bytes | None = None,
    ) -> None:
        """Of the file `model`, or of `content`, which was made of it."""
        import onnxruntime

        self._wanted = _provider_of(name)
        self._device: Device = "cpu" if name == "cpu" else "cuda"
        self._info = RuntimeInfo(
            name=name,
            library=f"ONNX Runtime {onnxruntime.__version__}",
            device="CPU" if name == "cpu" else "CUDA",
            streams=streams,
            whole_batches=name != "cpu",
        )
        source = _at_temperature(model, content, temperature)
        try:
            self._session = open_session(source, name, streams.threads, model.parent)
        except MissingRuntimeError:
            raise
        except Exception as error:  # its exceptions have no common base of their own
            reason = str(error).splitlines()[0]
            raise ModelError(f"{model}: ONNX Runtime cannot load it: {reason}") from error

    @property
    def device(self) -> Device:
        return self._device

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        probabilities: ProbabilitiesNCHW = self._session.run(None, {INPUT: images_nhwc})[0]
        return probabilities

    def _infer_on_device(self, images_nhwc: ImagesNHWC) -> AnswersOnDevice:
        return AnswersOnDevice(run_bound(self._session, self._device, {INPUT: images_nhwc}, OUTPUT))

    def placement(self, _: ImagesNHWC) -> Placement:
        parts = self._session.get_provider_graph_assignment_info()
        nodes: Counter[str] = Counter()
        for part in parts:
            nodes[part.ep_name.removesuffix("ExecutionProvider")] += len(part.get_nodes())
        fallen_back = tuple(
            f"{node.name} ({node.op_type})"
            for part in parts
            for node in part.get_nodes()
            if part.ep_name != self._wanted
        )
        return Placement(dict(nodes), fallen_back)

    def describe(self) -> RuntimeInfo:
        return self._info


def _at_temperature(model: Path, content: bytes | None, temperature: float) -> Path | bytes:
    """What to load, which is the file itself where nothing in it changes."""
    if temperature == 1:
        return content or model
    graph = onnx.load_from_string(content) if content else load_graph(model)
    set_temperature(graph, temperature, model)
    return graph.SerializeToString()


def open_session(source: Path | bytes, name: ProviderName, threads: int, folder: Path | None = None) -> Any:
    """A session on the device of that name, or none.

    Args:
        source: a graph's file, or what would be in it.
        threads: how many of the CPU's a batch runs on.
        folder: where weights lie that are not in the graph.

    Raises:
        MissingRuntimeError: there is no such device, or it cannot run the graph.
        Exception: on the CPU, whatever ONNX Runtime finds wrong with the graph.
    """
    import onnxruntime

    options = _session_options(name, threads, folder)
    if name == "cpu":
        return onnxruntime.InferenceSession(source, options, providers=[_CPU])
    nvidia.prepare(name)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=nvidia.providers_of(name))
    except Exception as error:
        raise nvidia.missing(name, str(error).splitlines()[0]) from error
    used = session.get_providers()[0]
    if used != _provider_of(name):
        raise nvidia.missing(name, f"the session was built on {used}")
    return session


def _provider_of(name: ProviderName) -> str:
    return _CPU if name == "cpu" else nvidia.PROVIDERS[name]


def _session_options(name: ProviderName, threads: int, folder: Path | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # Threads that spin for work take the core from the streams beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if folder:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if name != "cpu":
        # Without this a node that the device lacks runs on the CPU without a word.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options
