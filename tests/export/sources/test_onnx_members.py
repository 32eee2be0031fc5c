"""ONNX files of many forms under the contract, each against PyTorch fed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seg.engine.member_files import read_existing_member_files, read_member_files
from seg.errors import ModelError, VerificationError
from seg.export.sources.export_source import export_source, is_exported_source
from seg.export.sources.onnx_source.open import OnnxSource
from seg.models.card import ModelCard
from seg.models.model_file import read_model_card
from seg.spec import EnsembleSpec, ExportSpec
from tests.export.sources.foreign import CLASSES, DATA, Form, declared_member, export, kernel, write_foreign
from tests.export.tiny import image

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CAFFE = {"scale": 1, "mean": [103.5, 116.3, 123.7], "std": [57.4, 57.1, 58.4]}


FORMS = {
    "mmdeploy: BGR of 0..255, a quarter of the size": Form(
        {"stride": 4, "gain": 0.3}, {"channels": "bgr", **CAFFE}
    ),
    "torchvision: ImageNet, free size": Form({}, {"scale": "1/255", **IMAGENET}),
    "tensorflow: NHWC, fixed size, softmax": Form(
        {"layout": "nhwc", "size_hw": (40, 56), "ending": "Softmax"},
        {"scale": "1/255", "mean": 0.5, "std": 0.5},
    ),
    "uint8 NHWC, labels": Form({"layout": "nhwc", "dtype": "uint8", "ending": "ArgMax"}, {}),
    "paddle: a batch of one, reshaped, softmax": Form(
        {"size_hw": (32, 48), "batch": 1, "reshapes": True, "ending": "Softmax"},
        {"scale": "1/255", "channels": "bgr", "mean": 0.5, "std": 0.5},
    ),
    "a fixed size, tiled": Form({"size_hw": (16, 24)}, {"scale": "1/255", "mode": "tile"}),
    "a fixed size of four pixels a cell, tiled": Form(
        {"size_hw": (16, 24), "stride": 4}, {"scale": "1/255", "mode": "tile"}
    ),
    "ultralytics: sigmoid of three channels": Form(
        {
            "ending": "Sigmoid",
            "metadata": {"author": "Ultralytics", "names": "{0: 'car', 1: 'sky', 2: 'road'}"},
        },
        {},
    ),
    "float16": Form({"dtype": "float16"}, {"scale": "1/255"}, tolerance=1e-2),
    "int8": Form({"int8": True}, {"scale": "1/255", **IMAGENET}, tolerance=1e-2),
    "two outputs, opset 11": Form(
        {"second_output": True, "opset": 11}, {"scale": "1/255"}, {"name": "prediction"}
    ),
    "grey, as Pillow resizes": Form(
        {"colours": 1},
        {"scale": "1/255", "mode": "resize", "size": "20x28", "resample": "bilinear-antialias"},
    ),
    "bicubic, as Pillow resizes": Form(
        {}, {"scale": "1/255", "size": "20x60", "resample": "bicubic-antialias"}, tolerance=1e-4
    ),
    "bicubic": Form({}, {"scale": "1/255", "size": "44x52", "resample": "bicubic"}),
    "flat labels of a fixed size": Form(
        {"size_hw": (24, 24), "ending": "ArgMax", "flat_labels": True}, {"scale": "1/255"}
    ),
}


def size_of(form: Form) -> tuple[int, int] | None:
    if "size" in form.input:
        height, _, width = form.input["size"].partition("x")
        return int(height), int(width)
    size: tuple[int, int] | None = form.made.get("size_hw")
    return size


def fed_by_hand(form: Form, image_hwc: NDArray[np.uint8]) -> Tensor:
    """What the network takes of an image, float64 `[1, C, h, w]`, not yet cut into tiles."""
    fed, size = form.input, size_of(form)
    x = torch.from_numpy(image_hwc).permute(2, 0, 1)[None].double()
    if size and fed.get("mode") != "tile":
        mode, _, antialias = fed.get("resample", "bilinear").partition("-")
        x = functional.interpolate(x, size, mode=mode, align_corners=False, antialias=bool(antialias))
    else:
        cell = size or (32, 32)
        pads = (0, -x.shape[3] % cell[1], 0, -x.shape[2] % cell[0])
        x = functional.pad(x, pads, mode="replicate")
    if form.made.get("colours") == 1:
        x = (x * torch.tensor([0.299, 0.587, 0.114]).double()[:, None, None]).sum(1, keepdim=True)
    if fed.get("channels") == "bgr":
        x = x.flip(1)
    scale = 1 / 255 if fed.get("scale", "1/255") == "1/255" else fed["scale"]
    mean, std = (torch.tensor(fed.get(key, other)).double() for key, other in (("mean", 0.0), ("std", 1.0)))
    return (x * scale - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)


def network_by_hand(form: Form, x: Tensor) -> Tensor:
    made = form.made
    weight = torch.from_numpy(kernel(made.get("channels", 3), made.get("colours", 3), 3)).double()
    out = functional.conv2d(x, weight * made.get("gain", 1.0), padding=1, stride=made.get("stride", 1))
    match made.get("ending"):
        case "Softmax":
            return out.softmax(1)
        case "Sigmoid":
            return out.sigmoid()
        case "ArgMax":
            return functional.one_hot(out.argmax(1), 3).permute(0, 3, 1, 2).double()
        case _:
            return out


def by_hand(form: Form, image_hwc: NDArray[np.uint8]) -> Tensor:
    """The network's own probabilities at the image's size, `[K, H, W]`, by PyTorch."""
    height, width = image_hwc.shape[:2]
    x, size = fed_by_hand(form, image_hwc), size_of(form)

    def at(value: Tensor, size_hw: tuple[int, ...]) -> Tensor:
        if form.made.get("ending") == "ArgMax":
            return functional.interpolate(value, size_hw, mode="nearest")
        return functional.interpolate(value, size_hw, mode="bilinear", align_corners=False)

    if form.input.get("mode") == "tile" and size:
        rows = [
            torch.cat([at(network_by_hand(form, tile), size) for tile in torch.split(row, size[1], 3)], 3)
            for row in torch.split(x, size[0], 2)
        ]
        out = torch.cat(rows, 2)
    else:
        out = at(network_by_hand(form, x), (height, width) if size else tuple(x.shape[2:]))
    out = out[0, :, :height, :width]
    return out if form.made.get("ending") else out.softmax(0)


def in_our_classes(form: Form, theirs: Tensor) -> Tensor:
    """By hand: the ultralytics order is car, sky, road."""
    if "metadata" in form.made:
        theirs = theirs[[1, 2, 0]]
    return theirs / theirs.sum(0)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_file_of_any_form_becomes_a_member(tmp_path: Path, form: Form) -> None:
    path = write_foreign(tmp_path / "theirs.onnx", **form.made)
    model = export(path, form)
    batch = np.stack([image(37, 45, 7), image(37, 45, 8)])
    found = run_file(model, batch)
    for row, image_hwc in enumerate(batch):
        expected = in_our_classes(form, by_hand(form, image_hwc)).numpy()
        agreement = (found[row].argmax(0) == expected.argmax(0)).mean()
        assert agreement > 0.999 or (form.made.get("int8") and agreement > 0.99)
        if form.tolerance < 1e-3:
            np.testing.assert_allclose(found[row], expected, atol=form.tolerance)
        else:
            assert np.abs(found[row] - expected).mean() < form.tolerance
    card = read_model_card(model)
    assert card.verification is not None and card.verification.label_agreement > 0.999
    assert card.source is not None and card.source.kind == "onnx"
    made = "int8" if form.made.get("int8") else form.made.get("dtype", "float32")
    assert card.precision == {"float16": "fp16", "int8": "int8"}.get(str(made), "fp32")


def run_file(model: Path, batch_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(None, {"image": batch_nhwc})[0]
    return found


def test_what_nobody_declared_is_in_the_card(tmp_path: Path) -> None:
    form = Form({}, {"scale": "1/255"})
    card = read_model_card(export(write_foreign(tmp_path / "theirs.onnx"), form))
    assert card.source is not None
    said = "; ".join(card.source.assumed)
    for expected in (
        "channels: rgb",
        "stride: 32",
        "output: logits",
        "in the dataset's order: sky, road, car",
    ):
        assert expected in said


def test_an_export_is_done_again_when_the_declaration_or_the_classes_change(tmp_path: Path) -> None:
    form = Form({}, {"scale": "1/255"})
    path = write_foreign(tmp_path / "theirs.onnx")
    model, sha256 = export(path, form), OnnxSource.open(path, *declared(path, form)).sha256

    def is_exported(form: Form, classes: Any = CLASSES, request: ExportSpec | None = None) -> bool:
        return is_exported_source(declared_member(path, form), sha256, classes, "multiclass", model, request)

    assert is_exported(form)
    assert is_exported(form, request=ExportSpec())
    assert not is_exported(form, request=ExportSpec(precision="int8"))
    assert not is_exported(Form({}, {"scale": "1/255", "channels": "bgr"}))
    assert not is_exported(form, CLASSES[::-1])


def declared(path: Path, form: Form) -> tuple[Any, Any]:
    one = declared_member(path, form)
    return one.input, one.output


def test_a_network_that_is_not_its_source_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "seg.export.sources.export_source.reference_probabilities",
        lambda _network, image_hwc, _declared: np.full((3, *image_hwc.shape[:2]), 1 / 3, np.float32),
    )
    with pytest.raises(VerificationError, match=r"agreement with theirs\.onnx as declared"):
        export(write_foreign(tmp_path / "theirs.onnx"), Form({}, {"scale": "1/255"}))
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.onnx"]


def test_a_larger_stride_is_found_by_trying(tmp_path: Path) -> None:
    """The network adds what it pooled 64 times to what it was given."""
    path = tmp_path / "theirs.onnx"
    text = """<ir_version: 8, opset_import: ["": 18]>
        theirs (float[N, 3, H, W] x) => (float[N, 3, H, W] prediction)
        <float[4] scales = {1, 1, 64, 64}> {
            pooled = AveragePool <kernel_shape = [64, 64], strides = [64, 64]> (x)
            large = Resize <mode = "nearest"> (pooled, , scales)
            prediction = Add (x, large)
        }"""
    onnx.save(onnx.parser.parse_model(text), path)
    form = Form({}, {"scale": "1/255"})
    card = read_model_card(export(path, form))
    assert card.input.stride == 64
    with pytest.raises(ModelError, match=r"cannot run it on an image of 160x224: .*'input\.stride'"):
        export(path, Form({}, {"scale": "1/255", "stride": 32}))


@pytest.mark.parametrize("asked", ["auto", "int8"])
def test_a_file_in_fp16_stays_so(tmp_path: Path, asked: str) -> None:
    path = write_foreign(tmp_path / "theirs.onnx", dtype="float16")
    one = declared_member(path, Form({}, {"scale": "1/255"}))
    source, images = OnnxSource.open(path, one.input, one.output), [image(32, 32)]
    request = ExportSpec.model_validate({"precision": asked})

    def write() -> ModelCard:
        return export_source(one, source, tmp_path / "model.onnx", CLASSES, DATA, images, request)

    if asked == "auto":
        assert write().precision == "fp16"
    else:
        with pytest.raises(ModelError, match="is fp16 already, and stays so"):
            write()


def test_a_member_that_is_declared_otherwise_must_be_exported_again(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "theirs.onnx")
    form = Form({}, {"scale": "1/255"})
    model = export(path, form)

    def spec(**fed: Any) -> EnsembleSpec:
        member = {"name": "m", "onnx": path, "input": {"scale": "1/255", **fed}, "output": {}}
        data = {"classes": ["car", "sky", "road"]}  # Another order is mapped by name.
        return EnsembleSpec.model_validate({"data": data, "members": [member], "runs": tmp_path / "runs"})

    (tmp_path / "runs/m").mkdir(parents=True)
    model.rename(tmp_path / "runs/m/model.onnx")
    assert len(read_member_files(spec())) == 1
    with pytest.raises(ModelError, match="declares of m was changed: export it again"):
        read_member_files(spec(channels="bgr"))
    assert len(read_existing_member_files(spec(channels="bgr"))) == 1
