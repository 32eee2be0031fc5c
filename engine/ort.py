"""ONNX Runtime on the CPU and on CUDA."""

import contextlib
import importlib.util
import io
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from seg.engine.runtime import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.errors import MissingRuntimeError, ModelError
from seg.model_file import INPUT
from seg.model_safety import load_graph
from seg.temperature import set_temperature

Device = Literal["cpu", "cuda"]

_PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3


class OrtRuntime(Runtime):
    """A session on one device. Asked for CUDA, it runs on CUDA or not at all."""

    def __init__(self, model: Path, device: Device, streams: Streams, temperature: float = 1.0) -> None:
        import onnxruntime

        if device == "cuda":
            _refuse_without_cuda()
            _load_cuda_libraries()
        self._device = device
        self._info = RuntimeInfo(
            name=device,
            library=f"ONNX Runtime {onnxruntime.__version__}",
            device=device.upper(),
            streams=streams,
            whole_batches=device == "cuda",
        )
        try:
            self._session: Any = onnxruntime.InferenceSession(
                _at_temperature(model, temperature),
                _session_options(model, device, streams),
                providers=[_PROVIDERS[device]],
            )
        except ModelError:
            raise
        except Exception as error:  # its exceptions have no common base of their own
            reason = str(error).splitlines()[0]
            if device == "cuda":
                raise _cuda_is_missing(reason) from error
            raise ModelError(f"{model}: ONNX Runtime cannot load it: {reason}") from error
        used = self._session.get_providers()[0]
        if used != _PROVIDERS[device]:
            raise _cuda_is_missing(f"the session was built on {used}")

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        probabilities: ProbabilitiesNCHW = self._session.run(None, {INPUT: images_nhwc})[0]
        return probabilities

    def placement(self, _: ImagesNHWC) -> Placement:
        parts = self._session.get_provider_graph_assignment_info()
        nodes: Counter[str] = Counter()
        for part in parts:
            nodes[part.ep_name.removesuffix("ExecutionProvider")] += len(part.get_nodes())
        fallen_back = tuple(
            f"{node.name} ({node.op_type})"
            for part in parts
            for node in part.get_nodes()
            if part.ep_name != _PROVIDERS[self._device]
        )
        return Placement(dict(nodes), fallen_back)

    def describe(self) -> RuntimeInfo:
        return self._info


def cuda_is_usable() -> bool:
    """Whether ONNX Runtime has a CUDA provider and this machine a device for it."""
    return _has_cuda_provider() and has_cuda_device()


def has_cuda_device() -> bool:
    """Whether an NVIDIA driver shows a device; its libraries may still be missing."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/proc/driver/nvidia/version").exists()


def _has_cuda_provider() -> bool:
    import onnxruntime

    return _PROVIDERS["cuda"] in onnxruntime.get_available_providers()


def _refuse_without_cuda() -> None:
    if not has_cuda_device():
        raise _cuda_is_missing("no NVIDIA device is visible")
    if not _has_cuda_provider():
        raise _cuda_is_missing("this ONNX Runtime was built without CUDA")


def _load_cuda_libraries() -> None:
    """Let the session find CUDA's libraries in the environment, where pip put them."""
    import onnxruntime

    if importlib.util.find_spec("nvidia"):
        # It prints what it does not find; the session below says the same as an error.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()


def _at_temperature(model: Path, temperature: float) -> Path | bytes:
    """The file, or what it would hold with another temperature than 1."""
    if temperature == 1:
        return model
    graph = load_graph(model)
    set_temperature(graph, temperature, model)
    return graph.SerializeToString()


def _session_options(model: Path, device: Device, streams: Streams) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = streams.threads
    # Threads that spin for work take the core from the streams beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(model.parent)
    )
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if device == "cuda":
        # Without this a node that CUDA lacks runs on the CPU without a word.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _cuda_is_missing(reason: str) -> MissingRuntimeError:
    return MissingRuntimeError(
        f"runtime cuda: not usable here: {reason}: it needs an NVIDIA driver, onnxruntime-gpu, and"
        " CUDA 13 with cuDNN 9 (pip install 'onnxruntime-gpu[cuda,cudnn]'); or say runtime: cpu"
    )
