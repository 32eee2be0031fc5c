"""Members that were trained elsewhere: files and folders that are broken or absurd, and wrong declarations."""

# ruff: noqa: E501 (a case is one line)

import functools
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.case import Case, Prepare, both, file
from tests.hostile.cases_weights import PICKLES, SPECIAL

SPEC: Final = "data: dataset.yaml\nruntime: cpu\nmembers:\n- {{ name: a, {} }}\n"
EXPORT: Final = ("export", "m.yaml")
DOCTOR: Final = ("doctor", "member", "a", "m.yaml")
INPUT: Final = "input: { scale: 1/255 }"

DECLARATIONS: Final[Mapping[str, str]] = {
    "scale 0": "input: { scale: 0 }",
    "scale of nothing": "input: { scale: 1/0 }",
    "scale of words": "input: { scale: a/b }",
    "a scale of many digits": f"input: {{ scale: 1/{'9' * 5000} }}",
    "a scale of an exponent": "input: { scale: '1e999999999' }",
    "a fraction of exponents": "input: { scale: '1e99999999/1' }",
    "scale nan": "input: { scale: .nan }",
    "scale of a list": "input: { scale: [1] }",
    "scale true": "input: { scale: true }",
    "mean nan": "input: { scale: 1, mean: .nan }",
    "mean of infinity": "input: { scale: 1, mean: [.inf, 0, 0] }",
    "two means": "input: { scale: 1, mean: [0, 1] }",
    "no mean": "input: { scale: 1, mean: [] }",
    "mean of a text": "input: { scale: 1, mean: abc }",
    "mean of a mapping": "input: { scale: 1, mean: { a: b } }",
    "std 0": "input: { scale: 1, std: [0, 1, 1] }",
    "std below 0": "input: { scale: 1, std: -1 }",
    "std of next to nothing": "input: { scale: 1000, mean: -1000000, std: 0.000000001 }",
    "size 0": "input: { scale: 1, size: 0 }",
    "a size below 0": "input: { scale: 1, size: -5 }",
    "a huge size": "input: { scale: 1, mode: resize, size: 8192 }",
    "a size beyond": "input: { scale: 1, size: 10000000 }",
    "a size of text": "input: { scale: 1, size: bigxhuge }",
    "three sizes": "input: { scale: 1, size: [1, 2, 3] }",
    "tiles of a pixel": "input: { scale: 1, mode: tile, size: 1 }",
    "stride 1024": "input: { scale: 1, stride: 1024 }",
    "stride 0": "input: { scale: 1, stride: 0 }",
    "an unknown layout": "input: { scale: 1, layout: whcn }",
    "another layout": "input: { scale: 1, layout: nhwc }",
    "grey": "input: { scale: 1, channels: grey }",
    "an unknown key": "input: { scale: 1, sclae: 1 }",
    "an input of text": "input: hello",
    "labels of logits": "input: { scale: 1 }, output: { kind: labels }",
    "probabilities of logits": "input: { scale: 1 }, output: { kind: probabilities }",
    "sigmoid of logits": "input: { scale: 1 }, output: { kind: sigmoid }",
    "an unknown output": "input: { scale: 1 }, output: { name: nothing }",
    "an output of another layout": "input: { scale: 1 }, output: { layout: nhwc }",
    "one class": "input: { scale: 1 }, output: { classes: [a] }",
    "a class twice": "input: { scale: 1 }, output: { classes: [a, a, b, c] }",
    "no classes": "input: { scale: 1 }, output: { classes: [] }",
    "5,000 classes": f"input: {{ scale: 1 }}, output: {{ classes: [{', '.join(f'c{n}' for n in range(5000))}] }}",
    "unknown classes": "input: { scale: 1 }, classes: { 0: nothing }",
    "unknown numbers": "input: { scale: 1 }, classes: { 99: paper }",
    "negative numbers": "input: { scale: 1 }, classes: { -1: paper }",
    "other digits": "input: { scale: 1 }, classes: { '²': paper }",
    "a huge number": f"input: {{ scale: 1 }}, classes: {{ {'9' * 5000}: paper }}",
    "a mapping of nothing": "input: { scale: 1 }, classes: {}",
    "a mapping of null": "input: { scale: 1 }, classes: { 0: null }",
    "a list of classes": "input: { scale: 1 }, classes: [a, b]",
    "a number twice": "input: { scale: 1 }, classes: { 0: paper, '0': glass }",
    "all are one": "input: { scale: 1 }, classes: { 0: paper, 1: paper, 2: paper, 3: paper }",
    "only the rest": "input: { scale: 1 }, classes: { rest: paper }",
    "rest of rest": "input: { scale: 1 }, classes: { rest: rest }",
    "covers all": "input: { scale: 1 }, covers: [ground, paper, glass, metal]",
    "covers none": "input: { scale: 1 }, covers: []",
    "covers what is unknown": "input: { scale: 1 }, covers: [nothing]",
    "covers twice": "input: { scale: 1 }, covers: [paper, paper]",
    "covers a text": "input: { scale: 1 }, covers: paper",
    "covers what is not mapped": "input: { scale: 1 }, classes: { 0: paper }, covers: [glass]",
    "covers one": "input: { scale: 1 }, classes: { 0: paper }, covers: [paper]",
    "covers all but one by rest": "input: { scale: 1 }, classes: { 0: paper, 1: glass, 2: metal, rest: ground }, covers: [paper, glass, metal]",
}  # fmt: skip

CONFIGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no type": {"model_type": None},
    "a type of a path": {"model_type": "../../x"},
    "code": {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForSemanticSegmentation": "evil.Model"}},
    "a billion labels": {"num_labels": 10**9, "id2label": None},
    "10,000 labels": {"id2label": {str(n): f"c{n}" for n in range(10_000)}},
    "labels of a list": {"id2label": ["a"]},
    "labels from 7": {"id2label": {"7": "a", "8": "b"}},
    "labels of lines": {"id2label": {"0": "a\nb", "1": "c", "2": "d", "3": "e"}},
    "labels of numbers": {"id2label": {"x": 1}},
    "a billion blocks": {"num_encoder_blocks": 10**9},
    "a million layers": {"depths": [10**6] * 4},
    "layers below 0": {"depths": [-1] * 4},
    "huge sides": {"hidden_sizes": [10**7] * 4},
    "sides of 2^62": {"hidden_sizes": [2**62] * 4},
    "sides of 0": {"hidden_sizes": [0] * 4},
    "sides of text": {"hidden_sizes": "abc"},
    "heads of 0": {"num_attention_heads": [0] * 4},
    "a huge decoder": {"decoder_hidden_size": 10**8},
    "a kernel of a million": {"patch_sizes": [10**6] * 4},
    "a stride of 0": {"strides": [0] * 4},
    "an activation of nothing": {"hidden_act": "nothing"},
    "another type": {"model_type": "dpt"},
    "a backbone of the network": {"model_type": "upernet", "backbone": "facebook/x", "use_pretrained_backbone": True},
    "a backbone of timm": {"model_type": "upernet", "backbone": "resnet18", "use_timm_backbone": True, "use_pretrained_backbone": True},
    "packed weights": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "a device": {"_name_or_path": "/dev/zero"},
    "a huge image": {"image_size": 10**9},
    "no channels": {"num_channels": 0},
    "four channels": {"num_channels": 4},
    "NaN": {"layer_norm_eps": float("nan")},
    "an attention that is none": {"_attn_implementation": "evil/kernel"},
    "a type of numbers": {"torch_dtype": "int8"},
    "smp that is none": {"_model_class": "Nothing"},
    "smp of a million": {"_model_class": "Unet", "encoder_name": "resnet18", "decoder_channels": [10**7] * 5},
    "smp with code": {"_model_class": "Unet", "encoder_name": "../../x"},
    "smp of an activation": {"_model_class": "Unet", "activation": ["x"]},
    "smp of a list": {"_model_class": ["Unet"]},
    "smp of unknown options": {"_model_class": "Unet", "encoder_name": "resnet18", "nothing": 1},
    "smp of timm's own": {"_model_class": "Unet", "encoder_name": "tu-hf_hub:x/y"},
}  # fmt: skip

PROCESSORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "a size of 0": {"size": {"height": 0, "width": 0}},
    "a size below 0": {"size": {"height": -64, "width": 64}},
    "a huge size": {"size": {"height": 10**6, "width": 10**6}},
    "a size of texts": {"size": {"height": "a", "width": "b"}},
    "a mean of nan": {"image_mean": [float("nan")] * 3},
    "a mean of texts": {"image_mean": ["a", "b", "c"]},
    "five means": {"image_mean": [0.5] * 5},
    "no mean": {"image_mean": None},
    "a deviation of 0": {"image_std": [0, 0, 0]},
    "a factor of 0": {"rescale_factor": 0},
    "a factor of text": {"rescale_factor": "x"},
    "a factor of null": {"rescale_factor": None},
    "an unknown resampling": {"resample": 77},
    "a resampling of null": {"resample": None},
    "another class": {"image_processor_type": "CLIPImageProcessor"},
    "no class": {"image_processor_type": "../../x"},
    "code": {"auto_map": {"AutoImageProcessor": "evil.Processor"}},
    "an edge of 10^9": {"size": {"shortest_edge": 10**9}},
}

DAMAGES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "half": b'{"model_type": "segf',
    "nested": b"[" * 100_000,
    "a list": b"[]",
    "bytes": bytes(range(256)),
    "a huge number": b'{"model_type": ' + b"9" * 5000 + b"}",
}


def cases() -> Iterator[Case]:
    yield from _declared()
    yield from _onnx()
    yield from _files()
    yield from _programs()
    yield from _folders()


def _case(
    name: str, put: Prepare, member: str, says: str = "", seconds: float = 30, megabytes: int = 2000
) -> Case:
    spec = file("m.yaml", SPEC.format(member))
    return Case(name, EXPORT, both(put, spec), "either", says, seconds, megabytes, writes="runs")


def _declared() -> Iterator[Case]:
    for name, declared in DECLARATIONS.items():
        yield _case(f"declared: {name}", file("t.onnx", _network()), f"onnx: t.onnx, {declared}")
        made = both(file("t.onnx", _network()), file("m.yaml", SPEC.format(f"onnx: t.onnx, {declared}")))
        yield Case(f"doctor: {name}", DOCTOR, made, "either", seconds=60, megabytes=900, writes="")
    for name, put in SPECIAL.items():
        for key, place in (("onnx", "t.onnx"), ("checkpoint", "t.pth"), ("checkpoint", "t")):
            yield _case(f"{place}: {name}", _put(place, put), f"{key}: {place}, {INPUT}", place)


def _put(place: str, put: Prepare) -> Prepare:
    return lambda folder: put(folder / place)


def _network(change: Callable[[onnx.ModelProto], object] = lambda _: None, channels: int = 4) -> bytes:
    """One convolution to logits."""
    weight = np.random.default_rng(0).normal(0, 1, (channels, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    change(model)
    return bytes(model.SerializeToString())


def _named(text: str) -> Callable[[onnx.ModelProto], object]:
    return lambda model: helper.set_model_props(model, {"names": text})


def _made_large(model: onnx.ModelProto) -> None:
    """A few bytes that ask for a tensor of terabytes."""
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["big"], ["huge"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([10**12]), "big"))


def _shaped(*sides: int | str) -> Callable[[onnx.ModelProto], object]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, list(sides)))

    return change


GRAPHS: Final[Mapping[str, Callable[[onnx.ModelProto], object]]] = {
    "no graph": lambda model: model.ClearField("graph"),
    "no input": lambda model: model.graph.ClearField("input"),
    "no output": lambda model: model.graph.ClearField("output"),
    "no node": lambda model: model.graph.ClearField("node"),
    "no opset": lambda model: model.ClearField("opset_import"),
    "a huge opset": lambda model: setattr(model.opset_import[0], "version", 2**40),
    "opset 1": lambda model: setattr(model.opset_import[0], "version", 1),
    "terabytes": _made_large,
    "no shape": lambda model: model.graph.input[0].type.tensor_type.ClearField("shape"),
    "a huge batch": _shaped(10**9, 3, 8, 8),
    "a huge image": _shaped(1, 3, 10**6, 10**6),
    "a batch below 0": _shaped(-1, 3, 8, 8),
    "images below 0": _shaped(1, 3, -8, -8),
    "a batch of 64": _shaped(64, 3, 64, 64),
    "names of code": _named("__import__('os').system('touch ran')"),
    "nested names": _named("[" * 100_000),
    "names of brackets": _named("(" * 5000 + ")" * 5000),
    "names of powers": _named("9**9**9**9"),
    "names of minus": _named("-" * 100_000 + "1"),
    "names of huge numbers": _named("{" + "9" * 5000 + ": 'a'}"),
    "names of lines": _named('["a\\nb", "c", "d", "e"]'),
    "names of a megabyte": _named(json.dumps(["a" * 1_000_000, "b", "c", "d"])),
    "names of other count": _named('["a", "b"]'),
    "names of surrogates": _named('["\\ud800", "b", "c", "d"]'),
    "NaN": lambda model: model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((4, 3, 3, 3), np.nan, np.float32), "w")),
    "infinity": lambda model: model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((4, 3, 3, 3), 1e38, np.float32), "w")),
    "weights of another shape": lambda model: model.graph.initializer[0].dims.__setitem__(0, 5),
    "a cycle": lambda model: model.graph.node[0].input.__setitem__(0, "y"),
    "a name of NUL": lambda model: setattr(model.graph.node[0], "name", "a\0b"),
    "a sequence": lambda model: model.graph.output[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
}  # fmt: skip


def _onnx() -> Iterator[Case]:
    for name, change in GRAPHS.items():
        yield _case(f"onnx: {name}", file("t.onnx", _network(change)), f"onnx: t.onnx, {INPUT}", "t.onnx")
    for count in (1, 2, 256, 1000):
        yield _case(
            f"onnx: {count} channels",
            file("t.onnx", _network(channels=count)),
            f"onnx: t.onnx, {INPUT}",
            "t.onnx",
        )
    whole = _network()
    for place in range(0, len(whole), 23):
        flipped = bytearray(whole)
        flipped[place] ^= 0x11
        yield _case(f"onnx: byte {place}", file("t.onnx", bytes(flipped)), f"onnx: t.onnx, {INPUT}", "")


def _files() -> Iterator[Case]:
    for suffix in (".pt", ".pth", ".ckpt", ".safetensors", ".bin"):
        for name, content in PICKLES.items():
            yield _case(
                f"t{suffix}: {name}", file(f"t{suffix}", content), f"checkpoint: t{suffix}", f"t{suffix}"
            )
    for name, content in _made().items():
        suffix = ".safetensors" if name.startswith("st ") else ".pth"
        yield _case(
            f"t{suffix}: {name}", file(f"t{suffix}", content), f"checkpoint: t{suffix}", f"t{suffix}", 60
        )
    real = _made()["unet"]
    for place in range(0, len(real), len(real) // 6):
        flipped = bytearray(real)
        flipped[place] ^= 0x11
        hinted = "checkpoint: t.pth, encoder: resnet18"
        yield _case(f"unet: byte {place}", file("t.pth", bytes(flipped)), hinted, "", 60)


def _programs() -> Iterator[Case]:
    whole = _made()["program"]
    for name, content in _archives(whole).items():
        yield _case(f"program: {name}", file("t.pt", content), f"checkpoint: t.pt, {INPUT}", "t.pt", 60)


def _archives(whole: bytes) -> Mapping[str, bytes]:
    made = {
        "as it is": whole,
        "cut off": whole[: len(whole) // 2],
        "bits": whole[:3000] + b"\xff" * 50 + whole[3050:],
    }
    codes = {
        "code of nothing": b"",
        "code of text": b"hello",
        "code of bytes": bytes(range(256)),
        "code of files": b"def forward(self, x: Tensor) -> Tensor:\n  return torch.from_file('/etc/passwd')\n",
        "code of a loop": b"def forward(self, x: Tensor) -> Tensor:\n  while True:\n    pass\n  return x\n",
        "code that is nested": b"def forward(self, x: Tensor) -> Tensor:\n  return " + b"(" * 50_000,
        "code of itself": b"def forward(self, x: Tensor) -> Tensor:\n  return (self).forward(x, )\n",
        "code of terabytes": b"def forward(self, x: Tensor) -> Tensor:\n  return torch.zeros([1000000000000])\n",
        "code of a long range": b"def forward(self, x: Tensor) -> Tensor:\n  for i in range(1000000000000):\n    x = torch.add(x, 1)\n  return x\n",
        "code of 70 MB": b"#" * 70_000_000,
    }
    for name, code in codes.items():
        made[name] = _with_code(whole, code)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t/models/model.json", "{}")
    return made | {"of torch.export": stream.getvalue()}


def _with_code(whole: bytes, code: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, code if name.endswith(".py") else old.read(name))
    return stream.getvalue()


def _folders() -> Iterator[Case]:
    for name, changes in CONFIGS.items():
        yield _folder(f"config: {name}", _changed("config.json", changes))
    for name, changes in PROCESSORS.items():
        yield _folder(f"processor: {name}", _changed("preprocessor_config.json", changes))
    for name, content in DAMAGES.items():
        for place in ("config.json", "preprocessor_config.json", "model.safetensors"):
            yield _folder(f"{place}: {name}", file(f"t/{place}", content))
    for place in ("config.json", "preprocessor_config.json", "model.safetensors"):
        for name, put in SPECIAL.items():
            yield _folder(f"{place}: {name}", both(_removed(place), _put(f"t/{place}", put)))
    pickled = both(_removed("model.safetensors"), file("t/pytorch_model.bin", PICKLES["a pickle that runs"]))
    yield _folder("a pickle that runs", pickled)


def _folder(name: str, change: Prepare) -> Case:
    whole = _written()

    def copied(folder: Path) -> None:
        shutil.copytree(whole, folder / "t")

    put = both(copied, change)
    return _case(f"folder: {name}", put, "checkpoint: t", "t", 90)


def _removed(place: str) -> Prepare:
    return lambda folder: (folder / "t" / place).unlink()


def _changed(place: str, changes: Mapping[str, Any]) -> Prepare:
    def prepare(folder: Path) -> None:
        path = folder / "t" / place
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        (folder / "t/evil.py").write_text("open('/tmp/seg-ran-evil-code', 'w')")

    return prepare


_WRITE: Final = """
import sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import torch
import segmentation_models_pytorch as smp
from safetensors.torch import save_file
from tests.export.sources.tiny_transformers import write_folder
out = Path(sys.argv[1])
write_folder("segformer", out / "folder")
files = out / "files"
files.mkdir()
unet = smp.create_model("unet", "resnet18", encoder_weights=None, classes=4, decoder_channels=(16, 8, 8, 8, 8))
state = unet.state_dict()
torch.save(state, files / "unet")
first = next(iter(state))
huge = torch.empty(1).expand(10**6, 10**6)
for name, value in {
    "a tensor": torch.zeros(3),
    "nested": {"state_dict": {"state_dict": {"state_dict": {"state_dict": state}}}},
    "nothing in it": {"state_dict": {}},
    "numbers": {"state_dict": {"a": 1}},
    "a key of numbers": {1: torch.zeros(1)},
    "half": dict(list(state.items())[:40]),
    "NaN": {n: t * float("nan") for n, t in state.items()},
    "whole numbers": {n: t.long() for n, t in state.items()},
    "complex": {n: t.to(torch.complex64) for n, t in state.items()},
    "a huge view": {**state, first: huge},
    "a sparse tensor": {**state, first: state[first].to_sparse()},
    "a tensor of meta": {**state, first: torch.empty(10**6, 10**6, device="meta")},
    "a quantised tensor": {**state, first: torch.quantize_per_tensor(torch.zeros(64, 3, 7, 7), 1.0, 0, torch.qint8)},
    "one of no side": {**state, first: torch.tensor(1.0)},
    "empty tensors": {n: torch.zeros(0) for n in state},
    "names of dots": {"..." * 1000 + n: t for n, t in state.items()},
    "names of lines": {n + "\\n": t for n, t in state.items()},
    "networks twice": {**{"a." + n: t for n, t in state.items()}, **{"b." + n: t for n, t in state.items()}},
    "a head of a million": {"encoder.conv1.weight": state[first], "decoder.x": torch.zeros(1), "segmentation_head.0.weight": torch.zeros(1).expand(10**6, 16, 3, 3), "segmentation_head.0.bias": torch.zeros(10**6)},
    "a decoder of a million": {**state, "decoder.blocks.0.conv1.0.weight": torch.zeros(1).expand(10**6, 10**6, 3, 3)},
    "a network": unet,
}.items():
    torch.save(value, files / name)
save_file({"encoder.x": torch.zeros(1), "decoder.y": torch.zeros(1)}, files / "st of others")
save_file({}, files / "st of nothing")
module = torch.nn.Conv2d(3, 4, 3, padding=1).eval()
torch.jit.trace(module, torch.zeros(1, 3, 32, 32)).save(str(files / "program"))
"""


@functools.cache
def _written() -> Path:
    """The folder of a small SegFormer; written by another process: torch starts threads."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-members-"))
    subprocess.run([sys.executable, "-c", _WRITE, folder], check=True, capture_output=True)
    return folder / "folder"


@functools.cache
def _made() -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((_written().parent / "files").iterdir())}
