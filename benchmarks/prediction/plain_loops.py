"""The loops that everyone writes: for each image, each model, each view."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
import ttach
from numpy.typing import NDArray
from torch import nn

from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.base import ImagesNHWC
from seg.engine.runtimes.hardware import usable_cores
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.ort import open_ort_session
from seg.labels.label_map import ImageHWC, LabelsHW, ProbabilitiesCHW
from seg.spec import EnsembleSpec
from seg.train.networks.checkpoint import load_checkpoint
from seg.views import VIEW_SETS

TTACH = {
    VIEW_SETS["none"]: ttach.Compose([]),
    VIEW_SETS["hflip"]: ttach.aliases.hflip_transform(),
    VIEW_SETS["d4"]: ttach.aliases.d4_transform(),
}

TorchPrecision = Literal["fp32", "bf16 channels_last", "AMP channels_last"]
AUTOCAST: Final = {"cuda": torch.float16, "cpu": torch.bfloat16}
"""What mixed precision mixes with: a processor has no fast fp16."""

LabelsNHW = NDArray[np.uint8]
Network = Callable[[torch.Tensor], torch.Tensor]


class TorchLoop:
    """Networks of smp and views of ttach: view, normalise, pad, network, softmax, mean."""

    def __init__(self, spec: EnsembleSpec, precision: TorchPrecision, *, compiled: bool = False) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._precision = precision
        self._weights = [member.weight for member in spec.members]
        self._views = TTACH[spec.views]
        self._members = [self._load(spec.checkpoint(member), compiled) for member in spec.members]

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        labels_hw: LabelsHW = self.predict_all(image_hwc[None])[0]
        return labels_hw

    def predict_all(self, images_nhwc: ImagesNHWC) -> LabelsNHW:
        """The label maps of images of one size, which travel together."""
        return self.probabilities(images_nhwc).argmax(1).cpu().numpy().astype(np.uint8)

    def probabilities(self, images_nhwc: ImagesNHWC) -> torch.Tensor:
        """The weighted mean of all members and views on the device, float32 `[N, C, H, W]`."""
        images = torch.from_numpy(images_nhwc).to(self._device).permute(0, 3, 1, 2)
        total: torch.Tensor | float = 0.0
        with torch.inference_mode():
            for weight, (network, mean, std) in zip(self._weights, self._members, strict=True):
                levels = [
                    view.deaugment_mask(
                        self._softmax(network, (view.augment_image(images).float() / 255 - mean) / std)
                    )
                    for view in self._views
                ]
                total = total + weight * torch.stack(levels).mean(0)
        return torch.as_tensor(total)

    def _load(self, checkpoint: Path, compiled: bool) -> tuple[Network, torch.Tensor, torch.Tensor]:
        network, card = load_checkpoint(checkpoint)
        network.to(self._device)
        if self._precision != "fp32":
            network.to(memory_format=torch.channels_last)
        if self._precision == "bf16 channels_last":
            network.bfloat16()
        mean, std = (
            torch.tensor(three, device=self._device).view(1, 3, 1, 1)
            for three in (card.input.mean, card.input.std)
        )
        called = torch.compile(network) if compiled else network
        return called, mean, std

    def _softmax(self, network: Network, seen: torch.Tensor) -> torch.Tensor:
        height, width = seen.shape[2:]
        padded = nn.functional.pad(seen, (0, -width % 32, 0, -height % 32), mode="replicate")
        if self._precision != "fp32":
            padded = padded.to(memory_format=torch.channels_last)
        if self._precision == "bf16 channels_last":
            padded = padded.bfloat16()
        with torch.autocast(self._device.type, AUTOCAST[self._device.type], enabled=self._is_mixed):
            logits: torch.Tensor = network(padded)
        return logits[..., :height, :width].float().softmax(1)

    @property
    def _is_mixed(self) -> bool:
        return self._precision == "AMP channels_last"


class ExportedLoop(ABC):
    """Exported models, one call after the other, on all cores."""

    def __init__(self, spec: EnsembleSpec) -> None:
        self._weights = [member.weight for member in spec.members]
        self._views = [VIEWS[name] for name in spec.views]
        self._models = [self._load(str(spec.model(member))) for member in spec.members]

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        total: Any = 0.0
        for weight, model in zip(self._weights, self._models, strict=True):
            for view in self._views:
                answer_chw = self._call(model, np.ascontiguousarray(view.apply(image_hwc))[None])[0]
                total = total + np.float32(weight) * view.restore_all(answer_chw, image_hwc.shape[:2])
        labels_hw: LabelsHW = total.argmax(0).astype(np.uint8)
        return labels_hw

    @abstractmethod
    def _load(self, path: str) -> Any: ...

    @abstractmethod
    def _call(self, model: Any, images_nhwc: ImageHWC) -> ProbabilitiesCHW: ...


class OrtLoop(ExportedLoop):
    """On CUDA where there is a device, else on the CPU."""

    def _load(self, path: str) -> Any:
        return open_ort(path)

    def _call(self, model: Any, images_nhwc: ImageHWC) -> ProbabilitiesCHW:
        answer: ProbabilitiesCHW = model.run(None, {"image": images_nhwc})[0]
        return answer


class OpenVinoLoop(ExportedLoop):
    """As OpenVINO comes: it chooses bf16 by itself where the processor has it."""

    def _load(self, path: str) -> Any:
        import openvino

        return openvino.Core().compile_model(path, "CPU")

    def _call(self, model: Any, images_nhwc: ImageHWC) -> ProbabilitiesCHW:
        answer: ProbabilitiesCHW = model(images_nhwc)[0]
        return answer


class OrtFusedLoop:
    """A file that `seg export --fuse` made, as ONNX Runtime runs it: on CUDA where there is a device."""

    def __init__(self, path: str) -> None:
        self._session = open_ort(path)

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        labels_hw: LabelsHW = self._session.run(["labels"], {"image": image_hwc[None]})[0][0]
        return labels_hw


def open_ort(path: str) -> Any:
    """A session on CUDA where there is a device, else on all cores."""
    return open_ort_session(Path(path), "cuda" if nvidia.has_nvidia_device() else "cpu", usable_cores())


class FusedLoop:
    """A file that `seg export --fuse` made, as OpenVINO runs it."""

    def __init__(self, path: str) -> None:
        import openvino

        self._model = openvino.Core().compile_model(path, "CPU")

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        labels_hw: LabelsHW = self._model(image_hwc[None])["labels"][0].copy()
        return labels_hw
