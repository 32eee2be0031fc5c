"""OpenVINO on the CPU, in fp32, or in bf16 if the processor supports it."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal

import numpy as np

from seg.distribution import install_advice
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.decoder_cut import Bypass, bypasses_to_decoder
from seg.engine.runtimes.openvino.library import has_openvino, import_openvino
from seg.errors import MissingRuntimeError, ModelError
from seg.image_type import RGB8, ImageType, PixelType
from seg.models.temperature import TEMPERATURE, error_without_temperature
from seg.spec.ensemble.prediction import RuntimeName

Precision = Literal["f32", "bf16"]
Shape = tuple[int, ...]

FIXED_SHAPES: Final = 8
"""This many batch shapes are compiled separately, which runs some 5% faster; all others share one model
with dynamic shapes. Both give the same bits."""

_DEVICE: Final = "CPU"
_PIXELS: Final[dict[str, PixelType]] = {"u16": "uint16", "f32": "float32"}
_NO_WORK: Final = frozenset({"Const", "Input", "Output"})


class OpenVinoRuntime(Runtime):
    """A model that is compiled for each batch shape on first use."""

    def __init__(
        self,
        model: Path,
        precision: Precision,
        streams: Streams,
        temperature: float = 1.0,
        *,
        to_decoder: bool = False,
    ) -> None:
        """Load the file `model`, with external weights from its own folder."""
        _check_openvino_available(precision)
        openvino = import_openvino()
        self._core: Any = openvino.Core()
        try:
            self._model: Any = self._core.read_model(model)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{model}: OpenVINO cannot read it: {_last_line_of_openvino(error)}") from error
        if temperature != 1:
            _set_openvino_temperature(self._model, temperature, model)
        if to_decoder:
            _cut_openvino_model(self._model, bypasses_to_decoder(model))
        self.image_type = _openvino_image_type(self._model)
        self._path = model
        self._options = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams.count,
            "INFERENCE_NUM_THREADS": streams.count * streams.threads,
            # Pinned, the first streams of all models would share the first core and leave the others idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._lock = threading.Lock()
        self._compiled: dict[Shape | None, Any] = {}
        self._idle: defaultdict[Shape | None, SimpleQueue[Any]] = defaultdict(SimpleQueue)
        self._info = RuntimeInfo(
            name=_NAMES[precision],
            library=f"OpenVINO {openvino.__version__.split('-')[0]}",
            device=_DEVICE,
            streams=streams,
            whole_batches=True,
        )

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        key, compiled = self._compiled_for(images_nhwc.shape)
        request = self._idle_request(key, compiled)
        request.infer({0: images_nhwc}, share_inputs=True)
        probabilities: ProbabilitiesNCHW = np.array(request.get_output_tensor(0).data)
        self._idle[key].put(request)
        return probabilities

    def release_memory(self) -> None:
        """Drop all compiled models: each keeps the memory of its largest batch."""
        with self._lock:
            self._compiled.clear()
            self._idle.clear()

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        """Counts by precision; nodes without an optimised kernel count as fallen back."""
        _, compiled = self._compiled_for(images_nhwc.shape)
        nodes = [_openvino_node_info(node) for node in compiled.get_runtime_model().get_ops()]
        computing = [node for node in nodes if node["layerType"] not in _NO_WORK]
        counts = Counter(node["runtimePrecision"] for node in computing)
        fallen_back = tuple(
            f"{node['originalLayersNames']} ({node['layerType']})"
            for node in computing
            if node["primitiveType"].startswith("ref")
        )
        return Placement(dict(counts.most_common()), fallen_back)

    def describe(self) -> RuntimeInfo:
        return self._info

    def _compiled_for(self, shape: Shape) -> tuple[Shape | None, Any]:
        with self._lock:
            has_room = len(self._compiled) < FIXED_SHAPES
            key = shape if shape in self._compiled or has_room else None
            if key not in self._compiled:
                self._compiled[key] = self._compile(key)
            return key, self._compiled[key]

    def _compile(self, shape: Shape | None) -> Any:
        model = self._model.clone()
        if shape is not None:
            model.reshape(list(shape))
        try:
            compiled = self._core.compile_model(model, _DEVICE, self._options)
        except RuntimeError as error:
            raise ModelError(
                f"{self._path}: OpenVINO cannot compile it: {_last_line_of_openvino(error)}"
            ) from error
        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if used != self._options["INFERENCE_PRECISION_HINT"]:
            raise _openvino_unusable(self._info.name, f"OpenVINO chose {used}")
        return compiled

    def _idle_request(self, key: Shape | None, compiled: Any) -> Any:
        try:
            return self._idle[key].get_nowait()
        except Empty:
            return compiled.create_infer_request()


def _openvino_image_type(model: Any) -> ImageType:
    """What the model takes."""
    image = model.input(0)
    bands = image.get_partial_shape()[3]
    pixels = _PIXELS.get(image.get_element_type().get_type_name(), RGB8.pixels)
    return ImageType(pixels, RGB8.bands if bands.is_dynamic else bands.get_length())


def _set_openvino_temperature(model: Any, value: float, path: Path) -> None:
    opset13 = import_openvino().opset13
    for node in model.get_ops():
        if node.get_friendly_name() == TEMPERATURE:
            node.output(0).replace(opset13.constant(np.float32(value)).output(0))
            return
    raise error_without_temperature(path)


def _cut_openvino_model(model: Any, bypasses: Sequence[Bypass]) -> None:
    made = {name: one for node in model.get_ops() for one in node.outputs() for name in one.get_names()}
    for bypass in bypasses:
        made[bypass.output].replace(made[bypass.input])
    model.validate_nodes_and_infer_types()


def _openvino_node_info(node: Any) -> dict[str, str]:
    return {key: value.astype(str) for key, value in node.get_rt_info().items()}


def openvino_is_usable(precision: Precision) -> bool:
    """Whether OpenVINO is installed and this processor supports the precision."""
    try:
        _check_openvino_available(precision)
    except MissingRuntimeError:
        return False
    return True


_NAMES: dict[Precision, RuntimeName] = {"f32": "openvino", "bf16": "openvino-bf16"}


def _check_openvino_available(precision: Precision) -> None:
    if not has_openvino():
        raise _openvino_unusable(_NAMES[precision], f"it is not installed: {install_advice('openvino')}")
    if precision == "bf16":
        able: list[str] = import_openvino().Core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
        if "BF16" not in able:
            raise _openvino_unusable(_NAMES[precision], "this processor has no bf16: set runtime: openvino")


def _openvino_unusable(name: str, reason: str) -> MissingRuntimeError:
    return MissingRuntimeError(f"runtime {name}: not usable here: {reason}")


def _last_line_of_openvino(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), "")
