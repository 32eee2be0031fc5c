"""The one client against both servers: `seg serve`, and one that runs the model as Triton does."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import read_image
from seg.data.images.images import read_mask
from seg.engine import Ensemble
from seg.spec import load_ensemble
from tests.engine.serve.conftest import serving
from tests.export.ensembles import write_ensemble

pytest.importorskip("tritonclient.http")

CLIENT = Path(__file__).resolve().parents[2] / "examples/client.py"
LENGTH = "Inference-Header-Content-Length"


def like_triton(name: str, model: Path) -> type[BaseHTTPRequestHandler]:
    """Answers requests for one model, with binary tensors, as Triton's ONNX Runtime backend would."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == f"/v2/models/{name}/infer"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            length = int(self.headers[LENGTH])
            asked = json.loads(body[:length])
            (tensor,), (wish,) = asked["inputs"], asked["outputs"]
            assert tensor["datatype"] == "UINT8"
            image_nhwc = np.frombuffer(body[length:], np.uint8).reshape(tensor["shape"])
            (answer,) = session.run([wish["name"]], {tensor["name"]: image_nhwc})
            self._send(wish["name"], answer)

        def _send(self, output: str, answer: Any) -> None:
            facts = {"name": output, "datatype": "UINT8", "shape": answer.shape}
            facts["parameters"] = {"binary_data_size": answer.nbytes}
            header = json.dumps({"model_name": name, "model_version": "1", "outputs": [facts]}).encode()
            self.send_response(200)
            self.send_header(LENGTH, str(len(header)))
            self.send_header("Content-Length", str(len(header) + answer.nbytes))
            self.end_headers()
            self.wfile.write(header + answer.tobytes())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_ensemble(tmp_path)


@pytest.fixture(params=["seg serve", "Triton's protocol"])
def address(request: pytest.FixtureRequest, spec: Path) -> Iterator[str]:
    if request.param == "seg serve":
        with serving(spec) as address:
            yield address.removeprefix("http://")
        return
    command = ["export", str(spec), "--format", "triton", "-o", str(spec.parent / "models")]
    CliRunner().invoke(app, command, catch_exceptions=False)
    handler = like_triton("team", spec.parent / "models/team/1/model.onnx")
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


def run_client(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CLIENT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_writes_the_labels_of_the_ensemble(spec: Path, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "images/1.png"
    done = run_client("team", picture, tmp_path / "labels.png", "--server", address)
    assert done.returncode == 0, done.stderr
    expected = Ensemble.load(load_ensemble(spec)).predict(read_image(picture)).labels
    np.testing.assert_array_equal(read_mask(tmp_path / "labels.png"), expected)


@pytest.mark.slow
def test_it_says_what_it_cannot_read(tmp_path: Path) -> None:
    done = run_client("team", tmp_path / "none.png", tmp_path / "labels.png")
    assert done.returncode == 2
    assert "none.png: cannot be read" in done.stderr
