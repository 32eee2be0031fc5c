"""Model repositories, read by Triton's own protobuf and held to the ONNX file."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from onnx import TensorProto
from typer.testing import CliRunner

from seg.commands.app import app
from seg.engine import Ensemble
from seg.errors import OutputError, VerificationError
from seg.spec import load_ensemble
from tests.export.ensembles import write_ensemble
from tests.export.tiny import image

model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")

KINDS: dict[int, str] = {TensorProto.UINT8: "TYPE_UINT8", TensorProto.FLOAT: "TYPE_FP32"}


def serve(spec: Path, *options: str) -> Path:
    repository = spec.parent / "models"
    command = ["export", str(spec), "--format", "triton", "-o", str(repository), *options]
    CliRunner().invoke(app, command, catch_exceptions=False)
    return repository / "team"


def config_of(folder: Path) -> Any:
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_the_configuration_is_tritons_and_says_what_the_graph_says(tmp_path: Path) -> None:
    plan = {"plan": {"batch": 6, "sizes": ["20x30", "24x31", "40x50"]}}
    folder = serve(write_ensemble(tmp_path, export=plan), "--give", "labels", "--give", "probabilities")
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) == [
        "1",
        "1/model.onnx",
        "config.pbtxt",
    ]
    config, graph = config_of(folder), onnx.load(folder / "1/model.onnx").graph
    assert (config.name, config.backend, config.max_batch_size) == ("team", "onnxruntime", 6)
    kind_name = model_config_pb2.DataType.Name
    for said, real in ((config.input, graph.input), (config.output, graph.output)):
        assert [tensor.name for tensor in said] == [value.name for value in real]
        for tensor, value in zip(said, real, strict=True):
            assert kind_name(tensor.data_type) == KINDS[value.type.tensor_type.elem_type]
            axes = value.type.tensor_type.shape.dim
            assert axes[0].dim_param == "N"
            assert list(tensor.dims) == [axis.dim_value if axis.dim_value else -1 for axis in axes[1:]]
    assert config.HasField("dynamic_batching")
    (group,) = config.instance_group
    assert (group.kind, group.count) == (model_config_pb2.ModelInstanceGroup.KIND_AUTO, 1)
    assert config.optimization.execution_accelerators.gpu_execution_accelerator[0].name == "cuda"


def test_what_it_is_warmed_up_with_runs(tmp_path: Path) -> None:
    folder = serve(write_ensemble(tmp_path))
    session = onnxruntime.InferenceSession(folder / "1/model.onnx", providers=["CPUExecutionProvider"])
    warmups = config_of(folder).model_warmup
    assert [warmup.batch_size for warmup in warmups] == [1, 8]
    for warmup in warmups:
        ((name, tensor),) = warmup.inputs.items()
        assert model_config_pb2.DataType.Name(tensor.data_type) == "TYPE_UINT8"
        zeros = np.zeros((warmup.batch_size, *tensor.dims), dtype=np.uint8)
        (labels,) = session.run(["labels"], {name: zeros})
        assert labels.shape == zeros.shape[:3] == (warmup.batch_size, 30, 43)


def test_a_second_export_is_the_next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_ensemble(tmp_path)
    serve(spec)
    folder = serve(spec, "--give", "confidence")
    assert sorted(p.name for p in folder.iterdir()) == ["1", "2", "config.pbtxt"]
    assert [tensor.name for tensor in config_of(folder).output] == ["confidence"]
    monkeypatch.setattr("seg.export.fuse.check.TOLERANCE", -1.0)
    with pytest.raises(VerificationError, match=r"team/3/model\.onnx: .*not written"):
        serve(spec, "--give", "confidence")
    assert sorted(p.name for p in folder.iterdir()) == ["1", "2", "config.pbtxt"]
    assert [p.name for p in folder.parent.iterdir()] == ["team"]


def test_a_folder_that_is_no_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "models/team/notes").mkdir(parents=True)
    with pytest.raises(OutputError, match="team: is no model of a repository"):
        serve(write_ensemble(tmp_path))


def test_the_model_that_is_served_is_the_ensemble(tmp_path: Path) -> None:
    spec = write_ensemble(tmp_path)
    session = onnxruntime.InferenceSession(serve(spec) / "1/model.onnx", providers=["CPUExecutionProvider"])
    (labels,) = session.run(None, {"image": image(24, 31)[None]})
    np.testing.assert_array_equal(labels[0], Ensemble.load(load_ensemble(spec)).predict(image(24, 31)).labels)
