"""The loops that everyone writes: for each image, each model, each view."""

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
import torch
import ttach
from torch import nn

from seg.engine.passes.views import VIEWS
from seg.labels import ImageHWC, LabelsHW, ProbabilitiesCHW
from seg.spec import EnsembleSpec
from seg.train.checkpoint import load_checkpoint
from seg.views import VIEW_SETS

TTACH = {
    VIEW_SETS["none"]: ttach.Compose([]),
    VIEW_SETS["hflip"]: ttach.aliases.hflip_transform(),
    VIEW_SETS["d4"]: ttach.aliases.d4_transform(),
}


class TorchLoop:
    """Networks of smp and views of ttach: view, normalise, pad, network, softmax, mean."""

    def __init__(self, spec: EnsembleSpec, precision: Literal["fp32", "bf16 channels_last"]) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._bf16 = precision != "fp32"
        self._weights = [member.weight for member in spec.members]
        self._models = [load_checkpoint(spec.checkpoint(member)) for member in spec.members]
        self._views = TTACH[spec.views]
        for network, _ in self._models:
            network.to(self._device)
            if self._bf16:
                network.bfloat16().to(memory_format=torch.channels_last)

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        image = torch.from_numpy(image_hwc).to(self._device).permute(2, 0, 1)[None]
        total: torch.Tensor | float = 0.0
        with torch.inference_mode():
            for weight, (network, card) in zip(self._weights, self._models, strict=True):
                mean, std = (
                    torch.tensor(three, device=self._device).view(1, 3, 1, 1)
                    for three in (card.input.mean, card.input.std)
                )
                answers = []
                for view in self._views:
                    seen = (view.augment_image(image).float() / 255 - mean) / std
                    answers.append(view.deaugment_mask(self._softmax(network, seen)))
                total = total + weight * torch.stack(answers).mean(0)
        return torch.as_tensor(total).argmax(1)[0].cpu().numpy().astype(np.uint8)

    def _softmax(self, network: nn.Module, seen: torch.Tensor) -> torch.Tensor:
        height, width = seen.shape[2:]
        padded = nn.functional.pad(seen, (0, -width % 32, 0, -height % 32), mode="replicate")
        if self._bf16:
            padded = padded.to(dtype=torch.bfloat16, memory_format=torch.channels_last)
        logits: torch.Tensor = network(padded)
        return logits[..., :height, :width].float().softmax(1)


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
    def _load(self, path: str) -> Any:
        import onnxruntime

        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

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


class FusedLoop:
    """A file that `seg export --fuse` made, as OpenVINO runs it."""

    def __init__(self, path: str) -> None:
        import openvino

        self._model = openvino.Core().compile_model(path, "CPU")

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        labels_hw: LabelsHW = self._model(image_hwc[None])["labels"][0].copy()
        return labels_hw
