"""Plans: a real builder where it runs on a CPU, a fake one for the rest.

Unproven here, for want of a GPU: that TensorRT 10 and 11 themselves build these graphs, that any plan runs,
what it answers and how fast it is, and that a timing cache shortens a build.
"""

from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from seg.engine.runtimes.tensorrt.library import import_tensorrt
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.errors import MissingRuntimeError, ModelError
from seg.export.onnx_file.save import save_onnx_model
from seg.export.plan_cache import ensure_plan
from seg.export.precision.quantise import quantisable_layers_of, quantise_layers
from seg.export.tensorrt_builder import build_plan, target_gpu
from seg.export.tensorrt_profile import tensorrt_profile
from seg.spec import load_ensemble
from tests.export import fake_tensorrt
from tests.export.tiny import CARD, image, model, run
from tests.fake_gpu import FakeGpu

PROFILE = PlanProfile((1, 32, 32), (2, 64, 96), (4, 128, 128))
GPU = "H200, compute capability 9.0"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(fake_tensorrt, "calls", [])
    return fake_tensorrt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_onnx_model(model(), CARD, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("temperature", [1.0, 1.25])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_rtx_builder_takes_our_graphs(precision: str, temperature: float, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="its builder, which runs on a CPU, is not installed")
    graph = (
        model()
        if precision == "fp32"
        else quantise_layers(model(), quantisable_layers_of(model()), {"small": 1, "c": 6})
    )
    save_onnx_model(graph, CARD, tmp_path / "model.onnx")
    library = import_tensorrt("tensorrt_rtx")
    first = ensure_plan(tmp_path / "model.onnx", library, "any", PROFILE, 1, temperature)
    assert first.path.stat().st_size > 0
    assert first.reason == "there is none"
    again = ensure_plan(tmp_path / "model.onnx", library, "any", PROFILE, 1, temperature)
    assert (again.path, again.reason) == (first.path, None)


def test_tensors_keep_their_names_and_types(path: Path) -> None:
    library = pytest.importorskip("tensorrt_rtx", reason="its parser, which runs on a CPU, is not installed")
    network = library.Builder(logger := library.Logger()).create_network(0)
    assert library.OnnxParser(network, logger).parse_from_file(str(path))
    tensors = network.get_input(0), network.get_output(0)
    assert [(tensor.name, tensor.dtype, tuple(tensor.shape)) for tensor in tensors] == [
        ("image", library.DataType.UINT8, (-1, -1, -1, 3)),
        ("probabilities", library.DataType.FLOAT, (-1, 3, -1, -1)),
    ]


def test_the_rtx_builder_refuses_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="its builder, which runs on a CPU, is not installed")
    graph = model()
    graph.graph.node[1].input[0] = "image"
    onnx.save(graph, tmp_path / "bytes.onnx")
    with pytest.raises(
        ModelError, match=r"bytes\.onnx: TensorRT .* cannot read it: .*(UINT|UInt)8"
    ) as caught:
        build_plan(import_tensorrt("tensorrt_rtx"), tmp_path / "bytes.onnx", PROFILE, 2**30, b"")
    assert "\n" not in str(caught.value)


def test_what_the_builder_is_asked_for(
    path: Path, library: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ensure_plan(path, library, GPU, PROFILE, 2)
    assert plan.path.read_bytes() == b"a plan"
    assert dict(fake_tensorrt.calls) == {
        "flags": 0b10,
        "parse": str(path),
        "memory": ("workspace", 2 * 2**30),
        "profile": ("image", (1, 32, 32, 3), (2, 64, 96, 3), (4, 128, 128, 3)),
        "timing": b"",
    }
    shown = capsys.readouterr().err
    assert "model.onnx: Building: 2/2 steps" in shown
    assert "Timing" not in shown


def test_a_plan_divides_by_the_temperature_of_its_member(path: Path, library: ModuleType) -> None:
    first = ensure_plan(path, library, GPU, PROFILE, 2)
    tempered = ensure_plan(path, library, GPU, PROFILE, 2, temperature=1.25)
    assert tempered.reason == "temperature was 1.0, is 1.25"
    assert not first.path.exists()
    graph = onnx.load_from_string(dict(fake_tensorrt.calls)["model"])
    onnx.checker.check_model(graph)
    images_nhwc = image()[None]
    sharp = run(model(), images_nhwc).astype(np.float64) ** (1 / 1.25)
    np.testing.assert_allclose(run(graph, images_nhwc), sharp / sharp.sum(1, keepdims=True), atol=1e-6)


def test_where_all_networks_are_strongly_typed_there_is_no_flag(
    path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_tensorrt, "NetworkDefinitionCreationFlag", object())
    ensure_plan(path, library, GPU, PROFILE, 2)
    assert ("flags", 0) in fake_tensorrt.calls


def test_a_plan_is_built_again_when_what_it_depends_on_changes(
    path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure_plan(path, library, GPU, PROFILE, 2)
    assert ensure_plan(path, library, GPU, PROFILE, 2).reason is None

    foreign = ensure_plan(path, library, "T4, compute capability 7.5", PROFILE, 2)
    assert foreign.reason == f"gpu was {GPU}, is T4, compute capability 7.5"
    assert first.path.exists()

    monkeypatch.setattr(fake_tensorrt, "__version__", "11.0.1")
    newer = ensure_plan(path, library, GPU, PROFILE, 2)
    assert newer.reason == f"library was {library.__name__} 10.9.0, is {library.__name__} 11.0.1"
    assert not first.path.exists()
    assert foreign.path.exists()

    save_onnx_model(model(), CARD.model_copy(update={"precision": "fp16"}), path)
    changed = ensure_plan(path, library, GPU, PlanProfile(*[(1, 8, 8)] * 3), 2)
    assert changed.reason is not None
    assert [part.split(" ")[0] for part in changed.reason.split("; ")] == ["model", "precision", "profile"]


def test_timings_of_one_gpu_are_kept_for_its_next_build(path: Path, library: ModuleType) -> None:
    ensure_plan(path, library, GPU, PROFILE, 2)
    ensure_plan(path, library, "T4", PROFILE, 2)
    ensure_plan(path, library, GPU, PROFILE, 3)
    assert [known for call, known in fake_tensorrt.calls if call == "timing"] == [b"", b"", b"timings"]


def test_a_damaged_plan_is_built_again(path: Path, library: ModuleType) -> None:
    plan = ensure_plan(path, library, GPU, PROFILE, 2)
    plan.path.write_bytes(b"a pla")
    assert ensure_plan(path, library, GPU, PROFILE, 2).reason == "the plan is not the one that was built"
    assert plan.path.read_bytes() == b"a plan"
    Path(f"{plan.path}.json").write_text("{}")
    with pytest.raises(ModelError, match="remove both"):
        ensure_plan(path, library, GPU, PROFILE, 2)


@pytest.mark.parametrize(
    ("fails_to", "said", "message"),
    [
        ("parse", "", "TensorRT 10.9.0 cannot read it: decoder/GridSample: no importer"),
        (
            "build",
            "Out of\nmemory",
            r"ran out of memory: .* 2 GiB for batches up to 4x128x128: raise memory_gib",
        ),
        ("build", "Insufficient workspace for node x", "ran out of memory"),
        ("build", "Internal assertion", "cannot build it: Internal assertion"),
    ],
)
def test_a_build_that_fails_says_what_was_missing(
    fails_to: str, said: str, message: str, path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_tensorrt, "fails_to", fails_to)
    monkeypatch.setattr(fake_tensorrt, "said", said)
    with pytest.raises(ModelError, match=message) as caught:
        ensure_plan(path, library, GPU, PROFILE, 2)
    assert "\n" not in str(caught.value)
    assert [p.name for p in path.parent.iterdir()] == ["model.onnx"]


def test_without_library_or_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg.engine.runtimes.tensorrt.library.importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingRuntimeError, match=r"segensemble\[tensorrt\]"):
        import_tensorrt("tensorrt")
    monkeypatch.setattr("seg.export.tensorrt_builder.load_cuda", lambda: FakeGpu(is_there=False).cuda)
    with pytest.raises(MissingRuntimeError, match=r"on the GPU that will run it.* no CUDA-capable device"):
        target_gpu("tensorrt")
    assert target_gpu("tensorrt_rtx") == "any"


SPEC = """
data: {{train: {{images: i}}, val: {{images: i}}, classes: [a, b]}}
views: {views}
tile: {{size: 96x128}}
export: {{plan: {plan}}}
members: [{{name: m}}]
"""


@pytest.mark.parametrize(
    ("views", "plan", "expected"),
    [
        ("none", "{}", PlanProfile((1, 96, 128), (8, 96, 128), (8, 96, 128))),
        ("d4", "{batch: 2}", PlanProfile((1, 96, 96), (2, 96, 128), (2, 128, 128))),
        ("hflip", "{sizes: [300x400, 64x64, 96x700]}", PlanProfile((1, 64, 64), (8, 96, 700), (8, 300, 700))),
    ],
)
def test_the_profile_takes_all_that_will_come(
    views: str, plan: str, expected: PlanProfile, tmp_path: Path
) -> None:
    (tmp_path / "e.yaml").write_text(SPEC.format(views=views, plan=plan))
    spec = load_ensemble(tmp_path / "e.yaml")
    assert tensorrt_profile(spec, spec.members[0]) == expected
