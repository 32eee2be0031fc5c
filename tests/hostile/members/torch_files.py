"""State dicts and TorchScript programs of members: broken, absurd, and made to run code."""

# ruff: noqa: E501 (a case is one line)

import io
import zipfile
from collections.abc import Iterator, Mapping

from tests.hostile.case import Case, file
from tests.hostile.cases_weights import PICKLES
from tests.hostile.members.member_case import INPUT, member_case
from tests.hostile.members.torch_written import files_of_torch


def cases() -> Iterator[Case]:
    yield from _files()
    yield from _programs()


def _files() -> Iterator[Case]:
    for suffix in (".pt", ".pth", ".ckpt", ".safetensors", ".bin"):
        for name, content in PICKLES.items():
            yield member_case(
                f"t{suffix}: {name}", file(f"t{suffix}", content), f"checkpoint: t{suffix}", f"t{suffix}"
            )
    for name, content in files_of_torch().items():
        suffix = ".safetensors" if name.startswith("st ") else ".pth"
        yield member_case(
            f"t{suffix}: {name}", file(f"t{suffix}", content), f"checkpoint: t{suffix}", f"t{suffix}", 60
        )
    real = files_of_torch()["unet"]
    for place in range(0, len(real), len(real) // 6):
        flipped = bytearray(real)
        flipped[place] ^= 0x11
        hinted = "checkpoint: t.pth, encoder: resnet18"
        yield member_case(f"unet: byte {place}", file("t.pth", bytes(flipped)), hinted, "", 60)


def _programs() -> Iterator[Case]:
    exported = files_of_torch()["exported.pt2"]
    for place in range(0, len(exported), len(exported) // 12):
        flipped = bytearray(exported)
        flipped[place] ^= 0x11
        yield member_case(
            f"exported program: byte {place}",
            file("t.pt2", bytes(flipped)),
            f"checkpoint: t.pt2, {INPUT}",
            "",
            60,
        )
    whole = files_of_torch()["program"]
    for name, content in _archives(whole).items():
        yield member_case(f"program: {name}", file("t.pt", content), f"checkpoint: t.pt, {INPUT}", "t.pt", 60)


_ENTRY = b"def forward(self, x: Tensor) -> Tensor:\n"
_DEEP = {
    "sums": b"  return " + b"x + " * 10_000 + b"x\n",
    "calls": b"  return " + b"int(" * 10_000 + b"x" + b")" * 10_000,
    "comparisons": b"  return " + b"1 < " * 10_000 + b"1\n",
    "and": b"  return " + b"True and " * 10_000 + b"True\n",
    "blocks": b"".join(b" " * (n + 2) + b"if True:\n" for n in range(1200)),
}


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
        **{f"code of 10,000 {name}": _ENTRY + deep for name, deep in _DEEP.items()},
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
