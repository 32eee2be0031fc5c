"""The client against a server that speaks Triton's protocol and runs the repository's model."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import read_image
from seg.data.images import read_mask
from seg.engine import Ensemble
from seg.spec import load_ensemble
from tests.export.ensembles import write_ensemble

grpc = pytest.importorskip("grpc")
service_pb2 = pytest.importorskip("tritonclient.grpc.service_pb2")
service_pb2_grpc = pytest.importorskip("tritonclient.grpc.service_pb2_grpc")

CLIENT = Path(__file__).resolve().parents[2] / "examples/triton_client.py"


class Server(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc, name-defined]
    """Answers requests for one model, as Triton's ONNX Runtime backend would."""

    def __init__(self, name: str, model: Path) -> None:
        self._name = name
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.model_name != self._name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.model_name!r}")
        (asked,), (content,) = request.inputs, request.raw_input_contents
        assert asked.datatype == "UINT8"
        image_nhwc = np.frombuffer(content, np.uint8).reshape(asked.shape)
        names = [output.name for output in request.outputs]
        answer = service_pb2.ModelInferResponse(model_name=self._name)
        for name, array in zip(names, self._session.run(names, {asked.name: image_nhwc}), strict=True):
            answer.outputs.add(name=name, datatype="UINT8", shape=array.shape)
            answer.raw_output_contents.append(array.tobytes())
        return answer


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = write_ensemble(tmp_path)
    command = ["export", str(path), "--format", "triton", "-o", str(tmp_path / "models")]
    CliRunner().invoke(app, command, catch_exceptions=False)
    return path


@pytest.fixture
def address(spec: Path) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    model = spec.parent / "models/team/1/model.onnx"
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Server("team", model), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def run_client(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CLIENT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_writes_the_labels_of_the_ensemble(spec: Path, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "images/1.png"
    done = run_client("team", picture, tmp_path / "labels.png", "--server", address)
    assert done.returncode == 0, done.stderr
    expected = Ensemble.load(load_ensemble(spec)).predict(read_image(picture)).labels
    np.testing.assert_array_equal(read_mask(tmp_path / "labels.png"), expected)


def test_it_says_what_it_cannot_read(tmp_path: Path) -> None:
    done = run_client("team", tmp_path / "none.png", tmp_path / "labels.png")
    assert done.returncode == 2
    assert "none.png: cannot be read" in done.stderr
