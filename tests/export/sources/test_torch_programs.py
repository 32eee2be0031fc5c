"""Programs and modules of PyTorch as members: exported as they compute, and nothing unsafe is loaded."""

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export import export_module
from seg.export.sources.export_source import export_source
from seg.export.sources.open_source import open_source
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.models.model_file import read_model_card
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from tests.export.untrained import CLASSES, image

NAMES = [c.name for c in CLASSES]


class Small(nn.Module):
    """Logits at half the size of the image, in a dict with what else there is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, len(CLASSES), 3, stride=2, padding=1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logits: Tensor = self.convolution(image)
        return {"pooled": logits.mean((2, 3)), "out": logits}


class OnlyLogits(Small):
    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        logits: Tensor = self.convolution(image)
        return logits


class Looping(OnlyLogits):
    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        while bool(image.sum() > 0):
            image = image - 1
        logits: Tensor = self.convolution(image)
        return logits


@contextmanager
def deprecated() -> Iterator[None]:
    """TorchScript is; people have files of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def expected_labels(module: nn.Module, image_hwc: ImageHWC) -> LabelsHW:
    """Of an image whose sides are even: logits of the module, upsampled, and the largest."""
    batch = torch.from_numpy(image_hwc).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        logits = module(batch)
    logits = logits["out"] if isinstance(logits, dict) else logits
    upsampled = nn.functional.interpolate(logits, image_hwc.shape[:2], mode="bilinear", align_corners=False)
    return np.asarray(upsampled[0].argmax(0).numpy(), dtype=np.uint8)


def labels_of(model: Path, image_hwc: ImageHWC) -> LabelsHW:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"image": image_hwc[None]})
    return np.asarray(probabilities[0].argmax(0), dtype=np.uint8)


def test_a_module_is_exported_from_python(tmp_path: Path) -> None:
    module = Small()
    card = export_module(module, tmp_path / "m.onnx", classes=NAMES, input={"scale": "1/255", "stride": 2})
    assert (card.architecture, card.source and card.source.kind) == ("Small", "module")
    assert [c.name for c in read_model_card(tmp_path / "m.onnx").classes] == NAMES
    picture = image(64, 96, 1)
    agreement = (labels_of(tmp_path / "m.onnx", picture) == expected_labels(module, picture)).mean()
    assert agreement > 0.999


@pytest.mark.parametrize(
    ("module", "declared", "message"),
    [
        (Small(), {}, "does not say how its pixels are scaled"),
        (nn.Flatten(), {"scale": 1}, "Flatten: returns no tensor with a channel for each class"),
        (nn.Conv2d(5, 4, 1), {"scale": 1}, "Conv2d: cannot run an image of 128x128: Given groups=1"),
        (nn.Conv2d(3, 2, 1), {"scale": 1}, "Conv2d: has 2 classes and the dataset"),
    ],
)
def test_a_module_that_is_no_network_is_refused(
    module: nn.Module, declared: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        export_module(module, tmp_path / "m.onnx", classes=NAMES, input=declared)
    assert not (tmp_path / "m.onnx").exists()


def member(path: Path) -> MemberSpec:
    return MemberSpec.model_validate(
        {"name": "m", "checkpoint": str(path), "input": {"scale": "1/255", "stride": 2}}
    )


def test_a_traced_program_is_exported(tmp_path: Path) -> None:
    module = OnlyLogits().eval()
    with deprecated():
        torch.jit.trace(module, torch.zeros((1, 3, 32, 32))).save(tmp_path / "m.pt")  # type: ignore[no-untyped-call]
    one = member(tmp_path / "m.pt")
    export_source(
        one,
        open_source(one),
        tmp_path / "m.onnx",
        CLASSES,
        DatasetSpec(unlabelled="ignore"),
        [image(70, 100, 0)],
        ExportSpec(),
    )
    picture = image(64, 96, 1)
    agreement = (labels_of(tmp_path / "m.onnx", picture) == expected_labels(module, picture)).mean()
    assert agreement > 0.999


def test_a_program_with_a_loop_is_not_loaded(tmp_path: Path) -> None:
    with deprecated():
        torch.jit.script(Looping()).save(tmp_path / "m.pt")  # type: ignore[no-untyped-call]
    with pytest.raises(ModelError, match="a loop that may never end"):
        open_source(member(tmp_path / "m.pt"))


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("torch.from_file('/etc/passwd', True, 4)", "an operator that reaches files"),
        ("torch.save(x, 'trap')", "an operator that reaches files"),
        ("ops.other.run(x)", "an operator that is not PyTorch's own"),
        ("def __setstate__(self, state):", "code that runs when it is loaded"),
        (f"y = {'3 + ' * 2000}3", "code that is nested too deep"),
        (f"y = {'int(' * 2000}3{')' * 2000}", "code that is nested too deep"),
        (f"y = {'True and not ' * 2000}True", "code that is nested too deep"),
    ],
)
def test_unsafe_code_is_refused_before_it_is_loaded(code: str, what: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/code/__torch__.py", code)
    with pytest.raises(ModelError, match=what) as caught:
        open_source(member(tmp_path / "m.pt"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x80\x02.", b"{}"])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".pt2"])
def test_a_damaged_file_is_refused_in_one_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"m{suffix}").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        open_source(member(tmp_path / f"m{suffix}"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / f"m{suffix}"))
