"""What PyTorch, smp and transformers write, made by another process: torch starts threads."""

# ruff: noqa: E501 (a case is one line)

import functools
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

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
torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 32, 32),)), str(files / "exported.pt2"))
torch.jit.trace(module, torch.zeros(1, 3, 32, 32)).save(str(files / "program"))
"""


@functools.cache
def segformer_folder() -> Path:
    """The folder of a small SegFormer; written by another process: torch starts threads."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-members-"))
    subprocess.run([sys.executable, "-c", _WRITE, folder], check=True, capture_output=True)
    return folder / "folder"


@functools.cache
def files_of_torch() -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((segformer_folder().parent / "files").iterdir())}
