"""YAML of every kind: beyond its bounds, of other encodings, with tags, with numbers no recipe can mean."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, Prepare, both, edited, file

LAUGHS: Final = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)

TEXTS: Final[dict[str, str | bytes]] = {
    "nested lists": "a: " + "[" * 50_000,
    "nested lists, closed": "a: " + "[" * 50_000 + "]" * 50_000,
    "nested mappings": "a: " + "{a: " * 20_000,
    "nested blocks": "\n".join(f"{' ' * level}a:" for level in range(600)),
    "nested dashes": "- " * 5000,
    "nested keys": "? " * 5000,
    "aliases that unfold": LAUGHS,
    "aliases that unfold in merges": "a0: &a0 {x: 1}\n"
    + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: [*a{n - 1}]}}\n" for n in range(1, 40)),
    "an alias of itself": "a: &a [*a]",
    "an alias of nothing": "a: *b",
    "a merge of itself": "a: &a {<<: *a}",
    "a merge of a text": "<<: text",
    "a merge of a list of numbers": "<<: [1, 2]",
    "the tag !!int": "members: !!int x",
    "the tag !!float": "members: !!float x",
    "the tag !!bool": "members: !!bool x",
    "the tag !!timestamp": "members: !!timestamp x",
    "the tag !!binary": "members: !!binary '@'",
    "the tag !!set": "members: !!set [a]",
    "the tag !!omap": "members: !!omap [3]",
    "the tag !!python": "a: !!python/object/apply:os.system [ls]",
    "a tag of one's own": "a: !mine {b: c}",
    "a tag without its end": "a: !<tag:yaml",
    "a 45th of a month": "a: 2020-01-45",
    "a 13th month": "a: 2020-13-01 25:61:61",
    "5,000 digits": f"members: {'9' * 5000}",
    "5,000 digits in hexadecimal": f"members: 0x{'f' * 5000}",
    "5,000 digits behind a point": f"members: 0.{'9' * 5000}",
    "an exponent of 5,000 digits": f"members: 1e{'9' * 5000}",
    "no digit behind 0x": "a: 0x_",
    "NUL": b"a: b\0c",
    "NUL, escaped": 'a: "b\\0c"',
    "a bell": b"a: \x07",
    "a lone surrogate, escaped": 'a: "\\ud800"',
    "a character beyond Unicode": 'a: "\\UFFFFFFFF"',
    "bytes that are no UTF-8": b"a: b\nc: \xff\xfe",
    "a lone surrogate in UTF-8": b"a: \xed\xa0\x80",
    "UTF-16": "a: b".encode("utf-16"),
    "UTF-32": "a: b".encode("utf-32"),
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    "keys twice": "data: a\ndata: b",
    "a list as key": "? [a, b]\n: c",
    "a mapping as key": "? {a: b}\n: c",
    "null as key": "null: a",
    "numbers as keys": "1: a\n1.5: b\n2020-01-01: c\ntrue: d",
    "no value": "data:",
    "nothing": "",
    "only a comment": "# a",
    "a number": "3",
    "a text": "text",
    "a list": "- a",
    "two documents": "a: 1\n---\nb: 2",
    "a tab": "a:\n\t- b",
    "an unknown version": "%YAML 9.9\n---\na: 1",
    "an unknown directive": "%FOO\n---\na: 1",
    "an open quote": 'a: "b',
    "an open flow": "a: [b",
    "a stray colon": "a: b: c",
    "300 KB of text": f"a: {'x' * 300_000}",
    "300 KB of comments": "#\n" * 150_000,
    "30 MB": "a: b\n" * 6_000_000,
    "many members": "data: x.yaml\nmembers:\n" + "- {}\n" * 9000,
    "many keys": "\n".join(f"k{n}: 1" for n in range(9000)),
    "many anchors": "\n".join(f"k{n}: &k{n} 1" for n in range(4900)),
    "JSON": '{"data": {"train": 3}}',
}

NUMBERS: Final = (
    ".inf",
    "-.inf",
    ".nan",
    "1e30",
    "1e-30",
    "-1",
    "1e400",
    "0x" + "f" * 5000,
    "[]",
    "{}",
    "''",
)
HUGE: Final = ("65536", *NUMBERS)

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "recipe: {learning_rate: VALUE}": HUGE,
    "recipe: {encoder_rate: VALUE}": HUGE,
    "recipe: {weight_decay: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "recipe: {scale: [VALUE, VALUE]}": HUGE,
    "recipe: {scale: [1, VALUE]}": HUGE,
    "recipe: {crop: VALUE}": HUGE,
    "recipe: {crop: [64, VALUE]}": HUGE,
    "recipe: {crop: VALUExVALUE}": HUGE,
    "recipe: {input: {mode: resize, size: VALUE}}": HUGE,
    "recipe: {accumulate: VALUE}": HUGE,
    "recipe: {seed: VALUE}": NUMBERS,
    "recipe: {epochs: VALUE}": HUGE,
    "recipe: {batch_size: VALUE}": HUGE,
    "recipe: {workers: VALUE}": HUGE,
    "recipe: {multiply: VALUE}": HUGE,
    "recipe: {warm_up: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "recipe: {clip_norm: VALUE}": tuple(v for v in HUGE if v != "65536"),
    "recipe: {ema: VALUE}": HUGE,
    "recipe: {average_last: VALUE}": HUGE,
    "recipe: {patience: VALUE}": HUGE,
    "recipe: {loss: {dice: VALUE}}": NUMBERS[:-2],
    "recipe: {loss: {focal: {gamma: VALUE}}}": tuple(v for v in HUGE if v != "1e-30"),
    "recipe: {loss: {boundary: {sigma: VALUE}}}": HUGE,
    "recipe: {loss: {tversky: {alpha: VALUE}}}": HUGE,
    "recipe: {loss: {dice: {class_weights: [VALUE]}}}": tuple(v for v in NUMBERS if v != "1e-30"),
    "recipe: {mix: {cutmix: VALUE}}": tuple(v for v in HUGE if v != "1e-30"),
    "recipe: {copy_paste: {probability: VALUE}}": tuple(v for v in HUGE if v != "1e-30"),
    "tile: {size: VALUE}": HUGE,
    "tile: {size: 64, overlap: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "batch_size: VALUE": HUGE,
    "output: {size: VALUE}": HUGE,
    "stopping: {tolerance: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "folds: {count: VALUE}": HUGE,
    "folds: {count: 5, seed: VALUE}": NUMBERS,
    "class_factors: {paper: VALUE}": NUMBERS,
    "export: {plan: {batch: VALUE}}": HUGE,
    "export: {plan: {sizes: [VALUE]}}": HUGE,
    "export: {plan: {memory_gib: VALUE}}": HUGE,
    "export: {largest_loss: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "export: {calibration_images: VALUE}": NUMBERS,
    "student: {soft_share: VALUE}": tuple(v for v in HUGE if v != "1e-30"),
    "student: {temperature: VALUE}": HUGE,
}

MEMBER_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "weight": NUMBERS,
    "temperature": HUGE,
    "fold": HUGE,
    "class_weights": (*NUMBERS[:-2], "{paper: .inf}", "{paper: 1e30}", "{paper: 1e-30}", "{paper: .nan}"),
}

PATHS: Final = (
    "~nosuchuser/x",
    "/",
    "/dev/zero",
    '"a\\0b"',
    "a" * 5000,
    "/proc/self/mem",
    "''",
    "images",
)

SWEEPS: Final[dict[str, str]] = {
    "a large grid": "grid: {"
    + ", ".join(f"{name}: {list(range(1, 100))}" for name in ("epochs", "patience", "accumulate"))
    + "}",
    "a grid of impossible rates": "grid: {learning_rate: [.inf]}",
    "a range of rates": "search: {learning_rate: {low: 1e-30, high: 1e30, log: true}}\ntrials: 3",
    "a range without end": "search: {learning_rate: {low: 0.001, high: .inf}}\ntrials: 3",
    "many trials": "search: {learning_rate: {low: 0.001, high: 0.1}}\ntrials: 1000000000",
    "an endless seed": "grid: {learning_rate: [0.1]}\nseed: 1e30",
    "a grid of nothing": "grid: {learning_rate: []}",
    "a grid of mappings": "grid: {learning_rate: [{a: b}]}",
    "a database in a folder that is a file": "grid: {learning_rate: [0.1]}\nruns: a.onnx",
}


def cases() -> Iterator[Case]:
    for name, content in TEXTS.items():
        for reading in (("spec", "check"), ("ensemble",), ("data", "check")):
            yield Case(
                f"{' '.join(reading)}: {name}",
                (*reading, "x.yaml"),
                file("x.yaml", content),
                says="x.yaml",
                seconds=1,
            )
    for place in (
        "/",
        ".",
        "/dev/zero",
        "/dev/null",
        "/dev/stdin",
        "nothing.yaml",
        "a" * 300,
        "pipe",
        "a.onnx",
    ):
        for words in ("ensemble", "spec check", "sweep show", "data check", "train", "tune"):
            # Of a model alone, the command asks for its images.
            says = "" if place == "a.onnx" else place
            yield Case(f"{words} {place}", (*words.split(), place), _pipe, says=says, seconds=1)
    for text, values in FIELDS.items():
        for value in values:
            section = text.replace("VALUE", value)
            command = ("spec", "check", "spec.yaml")
            yield Case(section[:80], command, _said(section), says="spec.yaml:", seconds=1)
    for field, values in MEMBER_FIELDS.items():
        for value in values:
            member = edited("spec.yaml", "- name: a\n", f"- name: a\n  {field}: {value}\n")
            yield Case(
                f"members: {field}: {value[:40]}",
                ("spec", "check", "spec.yaml"),
                member,
                says="spec.yaml:",
                seconds=1,
            )
    for path in PATHS:
        for key in ("images", "masks"):
            changed = edited(
                "dataset.yaml",
                "val: {images: images, masks: masks}",
                f"val: {{images: images, masks: masks}}\npredict: {{{key}: {path}}}",
            )
            yield Case(
                f"predict.{key}: {path[:40]}",
                ("ensemble", "spec.yaml"),
                changed,
                expected="either" if path == "images" else "refused",
            )
        yield Case(
            f"data: {path[:40]}", ("spec", "check", "spec.yaml"), edited("spec.yaml", "dataset.yaml", path)
        )
        if not path.startswith("/dev"):  # Where it failed, a device of the machine would be replaced.
            output = _said(f"output: {{file: {path}}}")
            yield Case(f"output.file: {path[:40]}", ("ensemble", "spec.yaml"), output)
        yield Case(
            f"members.model: {path[:40]}",
            ("ensemble", "spec.yaml"),
            edited("spec.yaml", "model: a.onnx", f"model: {path}"),
        )
    for name, text in SWEEPS.items():
        head = "data: dataset.yaml\nrecipe: {architecture: fpn, encoder: resnet18, epochs: 1}\n"
        yield Case(f"sweep: {name}", ("sweep", "show", "sweep.yaml"), file("sweep.yaml", head + text))


def _said(text: str) -> Prepare:
    """The spec with another section, or with its recipe in another way."""
    key = text.split(":", maxsplit=1)[0]
    cut = edited("spec.yaml", "recipe:\n  architecture: fpn\n  encoder: resnet18\n  crop: 64\n", "")
    return both(cut, _append("spec.yaml", text)) if key == "recipe" else _append("spec.yaml", text)


def _append(name: str, text: str) -> Prepare:
    def prepare(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as opened:
            opened.write(f"{text}\n")

    return prepare


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
