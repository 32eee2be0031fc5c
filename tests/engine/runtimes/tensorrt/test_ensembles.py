"""Ensembles that run on plans, on a GPU that is none: see `tests.fake_gpu`."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from seg.engine.cluster.ship_models import pack_models, unpack_models
from seg.engine.jobs.explain import explain_ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.decoder_cut import Decoder
from seg.engine.runtimes.open import open_runtime, usable_runtimes
from seg.engine.runtimes.tensorrt.runtime import PlanRuntime
from seg.errors import ModelError, SpecError
from seg.export.tensorrt_profile import tensorrt_profile
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_images import image_batch
from tests.engine.tiny_models import CLASSES, MakeModel
from tests.fake_gpu import FakeGpu

ONE = Streams(1, 1)


def test_auto_does_not_try_it(gpu: FakeGpu) -> None:
    assert "tensorrt-plan" not in usable_runtimes()


def said(project: Path, **more: Any) -> EnsembleSpec:
    """The project's spec, with its models beside it and more said in it."""
    spec = json.loads(project.read_text())
    for member in spec["members"]:
        folder = project.parent / member["name"]
        folder.mkdir(exist_ok=True)
        member["model"] = str(shutil.copy(member["model"], folder / "model.onnx"))
    project.write_text(json.dumps(spec | {"runtime": "tensorrt-plan"} | more))
    return load_ensemble(project)


def build_all(spec: EnsembleSpec, gpu: FakeGpu) -> None:
    """As `seg export --format tensorrt` does."""
    for member in spec.members:
        gpu.build_beside(spec.model(member), tensorrt_profile(spec, member), member.temperature)


def test_an_ensemble_runs_on_its_plans(project: Path, gpu: FakeGpu) -> None:
    """In batches as large as the plans take, tuned temperatures and all."""
    members = json.loads(project.read_text())["members"]
    members[1]["temperature"] = 1.5
    spec = said(project, members=members, export={"plan": {"batch": 3}})
    build_all(spec, gpu)
    written = run_ensemble(spec).output.read_bytes()
    assert {shape[0] for shape in gpu.executed} == {3}
    output = spec.output.model_copy(update={"file": project.parent / "cpu.csv"})
    on_cpu = spec.model_copy(update={"runtime": "cpu", "output": output})
    assert run_ensemble(on_cpu).output.read_bytes() == written


def test_explain_asks_only_for_what_plans_take(project: Path, gpu: FakeGpu) -> None:
    """Images lying on their side are tried, too, but a plan without such views does not take them."""
    spec = said(project, views="hflip", export={"plan": {"sizes": ["8x10", "12x9"], "batch": 2}})
    build_all(spec, gpu)
    for memory in (None, 2**40):
        explanation = explain_ensemble(spec, memory)
        assert [member.runtime.split(" ")[0] for member in explanation.members] == ["tensorrt-plan"] * 2
        assert explanation.batch_size == 2


def test_plans_are_not_cut_at_the_decoder(project: Path, make_model: MakeModel, gpu: FakeGpu) -> None:
    with pytest.raises(SpecError, match=r"spec\.yaml.*'merge_at: decoder' and .*: remove one"):
        said(project, merge_at="decoder")
    model = make_model(3)
    gpu.build_beside(model)
    with pytest.raises(ModelError, match="cannot be cut: set merge_at: image"):
        open_runtime(model, "tensorrt-plan", ONE, decoder=Decoder(4, 32))


def test_plans_travel_with_their_models(project: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """To other machines of a cluster, which take the one for their GPU."""
    monkeypatch.setattr(tempfile, "tempdir", str(project.parent))
    spec = said(project)
    for one in (gpu, FakeGpu("Fake 2")):
        build_all(spec, one)
    members, files = pack_models(spec)
    there = unpack_models(spec, members, [file.read_bytes() for file in files])
    model = there.model(there.members[0])
    shutil.rmtree(project.parent / "a")
    FakeGpu("Fake 2").install(monkeypatch)
    assert model.parent != project.parent / "a"
    assert PlanRuntime(model, ONE).run(image_batch(1, 8, 8)).shape == (1, len(CLASSES), 8, 8)
    packed, _ = pack_models(spec.model_copy(update={"runtime": "cpu", "members": spec.members[1:]}))
    assert [file.name for file in packed["b"]] == ["model.onnx"]
