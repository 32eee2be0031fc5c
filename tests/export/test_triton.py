"""Model repositories, read by Triton's own protobuf and held to the ONNX file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray
from onnx import TensorProto
from typer.testing import CliRunner

from seg.commands.app import app
from seg.engine import Ensemble
from seg.errors import OutputError, SpecError, VerificationError
from seg.spec import load_ensemble
from tests.export.ensembles import random_stacking, write_ensemble
from tests.export.tiny import image

model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")

KINDS: dict[int, str] = {TensorProto.UINT8: "TYPE_UINT8", TensorProto.FLOAT: "TYPE_FP32"}


def serve(spec: Path, *options: str, format_: str = "triton") -> Path:
    repository = spec.parent / "models"
    command = ["export", str(spec), "--format", format_, "-o", str(repository), *options]
    CliRunner().invoke(app, command, catch_exceptions=False)
    return repository / "team"


def model_config(folder: Path) -> Any:
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_the_configuration_is_tritons_and_says_what_the_graph_says(tmp_path: Path) -> None:
    plan = {"plan": {"batch": 6, "sizes": ["20x30", "24x31", "40x50"]}}
    folder = serve(write_ensemble(tmp_path, export=plan), "--outputs", "labels", "--outputs", "probabilities")
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) == [
        ".seg-outputs",
        "1",
        "1/model.onnx",
        "config.pbtxt",
    ]
    config, graph = model_config(folder), onnx.load(folder / "1/model.onnx").graph
    assert (config.name, config.backend, config.max_batch_size) == ("team", "onnxruntime", 6)
    hold_to_graph(config, graph)
    assert config.HasField("dynamic_batching")
    (group,) = config.instance_group
    assert (group.kind, group.count) == (model_config_pb2.ModelInstanceGroup.KIND_AUTO, 1)
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "cuda"
    # By number, 1 for heuristic: the backend takes a word, or none, for an exhaustive search.
    assert accelerator.parameters == {"cudnn_conv_algo_search": "1"}


def hold_to_graph(config: Any, graph: onnx.GraphProto) -> None:
    """Every name, type and dim, without the batch."""
    kind_name = model_config_pb2.DataType.Name
    for said, real in ((config.input, graph.input), (config.output, graph.output)):
        assert [tensor.name for tensor in said] == [value.name for value in real]
        for tensor, value in zip(said, real, strict=True):
            assert kind_name(tensor.data_type) == KINDS[value.type.tensor_type.elem_type]
            axes = value.type.tensor_type.shape.dim
            assert axes[0].dim_param == "N"
            assert list(tensor.dims) == [axis.dim_value if axis.dim_value else -1 for axis in axes[1:]]


def test_what_it_is_warmed_up_with_runs(tmp_path: Path) -> None:
    folder = serve(write_ensemble(tmp_path))
    session = onnxruntime.InferenceSession(folder / "1/model.onnx", providers=["CPUExecutionProvider"])
    warmups = model_config(folder).model_warmup
    assert [warmup.batch_size for warmup in warmups] == [1, 8]
    for warmup in warmups:
        ((name, tensor),) = warmup.inputs.items()
        assert model_config_pb2.DataType.Name(tensor.data_type) == "TYPE_UINT8"
        zeros = np.zeros((warmup.batch_size, *tensor.dims), dtype=np.uint8)
        (labels,) = session.run(["labels"], {name: zeros})
        assert labels.shape == zeros.shape[:3] == (warmup.batch_size, 30, 43)


def test_a_configuration_of_somebody_else_is_kept(tmp_path: Path) -> None:
    spec = write_ensemble(tmp_path)
    folder = serve(spec)
    (folder / "config.pbtxt").write_text("name: 'team' # tuned by hand")
    with pytest.raises(OutputError, match=r"config\.pbtxt: .*changed since.* --overwrite"):
        serve(spec)
    assert (folder / "config.pbtxt").read_text() == "name: 'team' # tuned by hand"
    assert not (folder / "2").exists()
    serve(spec, "--overwrite")
    assert (folder / "2").exists()


def test_a_second_export_is_the_next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_ensemble(tmp_path)
    serve(spec)
    folder = serve(spec, "--outputs", "confidence")
    assert sorted(p.name for p in folder.iterdir()) == [".seg-outputs", "1", "2", "config.pbtxt"]
    assert [tensor.name for tensor in model_config(folder).output] == ["confidence"]
    monkeypatch.setattr("seg.export.fuse.check.TOLERANCE", -1.0)
    with pytest.raises(VerificationError, match=r"team/3/model\.onnx: .*not written"):
        serve(spec, "--outputs", "confidence")
    assert sorted(p.name for p in folder.iterdir()) == [".seg-outputs", "1", "2", "config.pbtxt"]
    assert [p.name for p in folder.parent.iterdir()] == ["team"]


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "models/team/notes").mkdir(parents=True)
    with pytest.raises(OutputError, match="team: is not a model of a repository"):
        serve(write_ensemble(tmp_path))


def test_the_model_that_is_served_is_the_ensemble(tmp_path: Path) -> None:
    spec = write_ensemble(tmp_path)
    session = onnxruntime.InferenceSession(serve(spec) / "1/model.onnx", providers=["CPUExecutionProvider"])
    (labels,) = session.run(None, {"image": image(24, 31)[None]})
    np.testing.assert_array_equal(labels[0], Ensemble.load(load_ensemble(spec)).predict(image(24, 31)).labels)


def run_ensemble(repository: Path, name: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What Triton does with an ensemble, as its configuration says."""
    config = model_config(repository / name)
    assert config.platform == "ensemble"
    assert (repository / name / "1").is_dir()
    for step in config.ensemble_scheduling.step:
        folder = repository / step.model_name
        graph = onnx.load(folder / "1/model.onnx").graph
        hold_to_graph(model_config(folder), graph)
        assert {value.name for value in graph.input} == set(step.input_map)
        session = onnxruntime.InferenceSession(folder / "1/model.onnx", providers=["CPUExecutionProvider"])
        takes = {own: tensors[tensor] for own, tensor in step.input_map.items()}
        answers = session.run(list(step.output_map), takes)
        tensors |= dict(zip(step.output_map.values(), answers, strict=True))
    return {output.name: tensors[output.name] for output in config.output}


@pytest.mark.parametrize(
    "said",
    [{}, {"merge": "geometric"}, {"stacking": random_stacking()}],
    ids=["mean", "geometric", "stacking"],
)
def test_members_apart_come_to_the_same(said: dict[str, Any], tmp_path: Path) -> None:
    spec = write_ensemble(tmp_path, **said)
    repository = serve(spec, "--outputs", "labels", "confidence", format_="triton-ensemble").parent
    assert sorted(p.name for p in repository.iterdir()) == ["team", "team-a", "team-b", "team_merge"]
    assert [tensor.name for tensor in model_config(repository / "team").input] == ["image"]
    found = run_ensemble(repository, "team", {"image": image(24, 31)[None]})
    expected = Ensemble.load(load_ensemble(spec)).predict(image(24, 31))
    np.testing.assert_array_equal(found["labels"][0], expected.labels)
    np.testing.assert_allclose(found["confidence"][0], expected.probabilities.max(0), atol=1e-6)


def test_members_apart_are_held_to_the_engine_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the merge had forgotten the weights."""
    from seg.export.fuse.compose import compose_merge_graph

    monkeypatch.setattr(
        "seg.export.triton.ensemble.compose_merge_graph",
        lambda members, *rest: compose_merge_graph([replace(member, share=0.5) for member in members], *rest),
    )
    with pytest.raises(VerificationError, match=r"models/team_merge/1/model\.onnx: .*not written"):
        serve(write_ensemble(tmp_path), format_="triton-ensemble")
    assert not (tmp_path / "models").exists()


def test_votes_are_not_counted_apart(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--format triton can"):
        serve(write_ensemble(tmp_path, merge="vote"), format_="triton-ensemble")
