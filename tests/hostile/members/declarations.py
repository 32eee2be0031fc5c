"""Members whose YAML declares what is wrong or absurd."""

# ruff: noqa: E501 (a case is one line)

from collections.abc import Iterator, Mapping
from typing import Final

from tests.hostile.case import Case, both, file
from tests.hostile.cases_weights import SPECIAL
from tests.hostile.members.member_case import INPUT, SPEC, member_case, put_at
from tests.hostile.members.onnx_files import network

DOCTOR: Final = ("doctor", "member", "a", "m.yaml")

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


def cases() -> Iterator[Case]:
    for name, declared in DECLARATIONS.items():
        yield member_case(f"declared: {name}", file("t.onnx", network()), f"onnx: t.onnx, {declared}")
        made = both(file("t.onnx", network()), file("m.yaml", SPEC.format(f"onnx: t.onnx, {declared}")))
        yield Case(f"doctor: {name}", DOCTOR, made, "either", seconds=60, megabytes=900, writes="")
    for name, put in SPECIAL.items():
        for key, place in (("onnx", "t.onnx"), ("checkpoint", "t.pth"), ("checkpoint", "t")):
            yield member_case(f"{place}: {name}", put_at(place, put), f"{key}: {place}, {INPUT}", place)
