"""The Open Inference Protocol, asked by Triton's own client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from seg.engine.ensemble import Ensemble
from tests.engine.serve.conftest import PATIENCE_S, some_image

triton = pytest.importorskip("tritonclient.http")


@pytest.fixture
def asker(address: str) -> Iterator[Any]:
    client = triton.InferenceServerClient(address.removeprefix("http://"), network_timeout=PATIENCE_S)
    yield client
    client.close()


def test_the_server_and_its_model_say_what_they_are(asker: Any) -> None:
    assert asker.is_server_live()
    assert asker.is_server_ready()
    assert asker.is_model_ready("team")
    assert not asker.is_model_ready("other")
    said = asker.get_model_metadata("team")
    assert said["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert [output["name"] for output in said["outputs"]] == ["labels"]
    assert "binary_tensor_data" in asker.get_server_metadata()["extensions"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_it_gets_the_labels_of_all_images(
    binary_in: bool, binary_out: bool, asker: Any, project: Path
) -> None:
    images_nhwc = np.stack([some_image(seed) for seed in range(3)])
    tensor = triton.InferInput("image", list(images_nhwc.shape), "UINT8")
    tensor.set_data_from_numpy(images_nhwc, binary_data=binary_in)
    wish = triton.InferRequestedOutput("labels", binary_data=binary_out)
    answer = asker.infer("team", [tensor], outputs=[wish], request_id="seven")
    ensemble = Ensemble.load(project)
    expected_nhw = np.stack([ensemble.predict(image_hwc).labels for image_hwc in images_nhwc])
    np.testing.assert_array_equal(answer.as_numpy("labels"), expected_nhw)
    assert answer.get_response()["id"] == "seven"


IMAGE = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 3]}
WRONG: dict[str, Any] = {
    "a shape of nothing": [IMAGE | {"shape": [1, 0, 2, 3], "data": []}],
    "sides below nothing": [IMAGE | {"shape": [1, -1, -2, 3], "data": [0] * 6}],
    "fewer values": [IMAGE | {"data": [0] * 5}],
    "no pixel values": [IMAGE | {"data": [0, 1, 2, 3, 4, 256]}],
    "fractions": [IMAGE | {"data": [0.5] * 6}],
    "rows of two lengths": [IMAGE | {"data": [[0, 1], [2, 3, 4]]}],
    "no values": [IMAGE],
    "another name": [IMAGE | {"name": "picture", "data": [0] * 6}],
    "another type": [IMAGE | {"datatype": "FP32", "data": [0] * 6}],
    "four channels": [IMAGE | {"shape": [1, 1, 2, 4], "data": [0] * 8}],
    "no numbers": [IMAGE | {"data": [float("nan")] * 6}],
    "texts": [IMAGE | {"data": ["1"] * 6}],
    "negative values": [IMAGE | {"data": [-1] * 6}],
    "values of a thousand digits": [IMAGE | {"data": [10**1000] * 6}],
    "a type of texts": [IMAGE | {"datatype": "BYTES", "data": ["x"] * 6}],
    "a fraction of a side": [IMAGE | {"shape": [1, 1.5, 2, 3], "data": [0] * 6}],
    "five dimensions": [IMAGE | {"shape": [1, 1, 1, 2, 3], "data": [0] * 6}],
    "too many images": [IMAGE | {"shape": [65, 1, 1, 3], "data": [0] * 195}],
    "a tail that is no number": [IMAGE | {"parameters": {"binary_data_size": "6"}}],
    "a tail below nothing": [IMAGE | {"parameters": {"binary_data_size": -6}}],
    "two inputs": [IMAGE | {"data": [0] * 6}] * 2,
    "no input": [],
    "a tail that is not there": [IMAGE | {"parameters": {"binary_data_size": 6}}],
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_request_is_said_in_one_line(case: str, client: httpx.Client) -> None:
    answer = client.post("/v2/models/team/infer", content=json.dumps({"inputs": WRONG[case]}))
    assert answer.status_code == 400
    assert "inputs" in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_request_is_said_in_one_line(body: bytes, client: httpx.Client) -> None:
    answer = client.post("/v2/models/team/infer", content=body)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "1e3", "999999", "٣", ""])
def test_a_header_of_a_wrong_length_is_refused(length: str, client: httpx.Client) -> None:
    body = json.dumps({"inputs": [IMAGE | {"data": [0] * 6}]})
    headers = {b"Inference-Header-Content-Length": length.encode()}
    answer = client.post("/v2/models/team/infer", content=body, headers=list(headers.items()))
    assert answer.status_code == 400


def test_more_pixels_than_are_allowed_are_refused_before_they_are_read(client: httpx.Client) -> None:
    huge = IMAGE | {"shape": [1, 100_000, 100_000, 3], "data": []}
    assert client.post("/v2/models/team/infer", json={"inputs": [huge]}).status_code == 413
