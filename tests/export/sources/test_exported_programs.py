"""Programs of torch.export: exported as they compute, and what may run code is refused."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.export_source import export_source
from seg.export.sources.open_source import open_source
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from tests.export.untrained import CLASSES, image


class Small(nn.Module):
    """Logits at half the size, upsampled, in a dict with what else there is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, len(CLASSES), 1)
        self.register_buffer("gain", torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logits = self.last(torch.relu(self.norm(self.first(image)))) * self.gain
        logits = nn.functional.interpolate(logits, image.shape[-2:], mode="bilinear")
        return {"pooled": logits.mean((2, 3)), "out": logits}


def saved(path: Path, *, has_free_size: bool) -> Path:
    batch, side = torch.export.Dim("N"), torch.export.Dim("h", min=2)
    free = {0: batch, 2: 32 * side, 3: 32 * torch.export.Dim("w", min=2)} if has_free_size else None
    example = torch.zeros((2 if has_free_size else 1, 3, 64, 96))
    program = torch.export.export(Small().eval(), (example,), dynamic_shapes=(free,) if free else None)
    torch.export.save(program, path)
    return path


def member(path: Path, **declared: object) -> MemberSpec:
    return MemberSpec.model_validate(
        {"name": "m", "checkpoint": str(path), "input": {"scale": "1/255"}, **declared}
    )


@pytest.mark.slow
@pytest.mark.parametrize("has_free_size", [True, False])
def test_it_is_exported_as_it_computes(has_free_size: bool, tmp_path: Path) -> None:
    one = member(saved(tmp_path / "m.pt2", has_free_size=has_free_size))
    images = [image(64, 96, seed) for seed in range(2)]
    source, model = open_source(one), tmp_path / "m.onnx"
    card = export_source(one, source, model, CLASSES, DatasetSpec(unlabelled="ignore"), images, ExportSpec())
    assert card.input.mode == ("pad" if has_free_size else "resize")
    batch = np.stack(images)
    with torch.no_grad():
        logits = Small().eval()(torch.from_numpy(batch).permute(0, 3, 1, 2) / 255)["out"]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"image": batch})[0], logits.softmax(1).numpy(), atol=1e-5)


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("trap",)


Change = Callable[[dict[str, Any]], None]


def _rewritten(path: Path, model: Change = lambda _: None, weights: Change = lambda _: None) -> None:
    """The archive with its graph or its list of weights changed."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for ending, change in (("models/model.json", model), ("model_weights_config.json", weights)):
        name = next(name for name in files if name.endswith(ending))
        described = json.loads(files[name])
        change(described)
        files[name] = json.dumps(described).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _node(**changes: object) -> Change:
    return lambda program: program["graph_module"]["graph"]["nodes"][0].update(changes)


def _signature(**changes: object) -> Change:
    return lambda program: program["graph_module"]["module_call_graph"][0]["signature"].update(changes)


def _size(text: str) -> Change:
    def change(program: dict[str, Any]) -> None:
        values = program["graph_module"]["graph"]["sym_int_values"]
        values["s"] = {"as_expr": {"expr_str": text, "hint": None}}

    return change


ENUM = json.dumps({"__enum__": 1, "fqn": "trap:Trap", "name": "x"})
LEAF = '[1, {"type": null, "context": null, "children_spec": []}]'
STRUCTURE = json.dumps([1, {"type": "builtins.dict", "context": ENUM, "children_spec": []}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_node(target="torch.ops.aten.from_file.default"), "as 'target'"),
        (_node(target="torch.ops.other.run.default"), "as 'target'"),
        (_node(target="torch.serialization.os.system"), "as 'target'"),
        (_node(target="_operator.methodcaller"), "as 'target'"),
        (_node(name="x = __import__('os').mkdir('trap')"), "as 'name'"),
        (
            _node(inputs=[{"name": "x", "arg": {"as_graph": {"name": "g"}}, "kind": 1}]),
            "a graph",
        ),
        (_size("__import__('os').mkdir('trap')"), "as 'expr_str'"),
        (_size("Symbol('s0').__class__"), "as 'expr_str'"),
        (_size("9**9**9**9"), "as 'expr_str'"),
        (_size("Integer(" * 400 + "1" + ")" * 400), "as 'expr_str'"),
        (_signature(out_spec=STRUCTURE), "'builtins.dict' among its inputs or outputs"),
        (
            _signature(in_spec='[1, {"type": null, "context": null, "children_spec": []}]'),
            "more than one image",
        ),
        (_signature(forward_arg_names=["x=print(1)"]), "as 'name'"),
    ],
)
def test_what_may_run_code_is_refused_before_it_is_loaded(
    change: Change, message: str, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program.parent)
    monkeypatch.setattr(torch.export, "load", lambda _: pytest.fail("it was loaded"))
    _rewritten(program, change)
    with pytest.raises(ModelError, match=message) as caught:
        open_source(member(program))
    assert "\n" not in str(caught.value)
    assert not (program.parent / "trap").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_pickle": True}, "as a pickle, which may hold code"),
        ({"path_name": "../../models/model.json"}, "as 'path_name'"),
        ({"path_name": "weight_99"}, "is damaged, or not of one program"),
        ({"tensor_meta": None}, "as a pickle"),
    ],
)
def test_weights_are_plain_numbers(changes: dict[str, Any], message: str, program: Path) -> None:
    _rewritten(program, weights=lambda config: config["config"]["first.weight"].update(changes))
    with pytest.raises(ModelError, match=message):
        open_source(member(program))


def test_example_inputs_are_never_unpickled(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    with zipfile.ZipFile(program) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(program, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, pickle.dumps(_Trap()) if "sample_inputs" in name else content)
    assert open_source(member(program)).facts.size_hw == (64, 96)
    assert not (program.parent / "trap").exists()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return saved(tmp_path / "m.pt2", has_free_size=False)
