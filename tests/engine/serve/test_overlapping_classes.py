"""A server whose classes overlap: label maps with a bit for each class, in every form."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from seg.engine.ensemble import Ensemble
from seg.engine.prediction import Prediction
from seg.engine.submissions.tables import rle
from seg.labels.classes import ClassInfo
from tests.engine.serve.conftest import serving, some_image
from tests.engine.tiny_models import MakeModel, write_project

CLASSES = tuple(ClassInfo(id=n, name=f"c{n}", colour=(20 * n, 255 - 20 * n, 7)) for n in range(11))
IMAGE = some_image(3)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> Path:
    """A spec of eleven classes, whose labels have two bytes."""
    path = write_project(tmp_path_factory.mktemp("overlapping"), make_model)
    document = json.loads(path.read_text())
    names = [c.name for c in CLASSES]
    document["data"] = {"predict": {"images": "images"}, "task": "multilabel", "classes": names}
    document["members"] = [{"name": "a", "model": str(make_model(3, CLASSES, task="multilabel"))}]
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def address(spec: Path) -> Iterator[str]:
    with serving(spec) as address:
        yield address


@pytest.fixture(scope="module")
def expected(spec: Path) -> Prediction:
    return Ensemble.load(spec).predict(IMAGE)


def png(image_hwc: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image_hwc[..., ::-1])[1])


def decoded(content: bytes, mode: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), mode))


def test_a_png_has_16_bits(client: httpx.Client, expected: Prediction) -> None:
    answer = client.post("/label", content=png(IMAGE))
    found = decoded(answer.content)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, expected.labels)


def test_run_lengths_overlap(client: httpx.Client, expected: Prediction) -> None:
    found = client.post("/label?as=rle", content=png(IMAGE)).json()
    for own, mask_hw in zip(found["classes"], expected.masks, strict=True):
        np.testing.assert_array_equal(rle.decode_rle(own["rle"], mask_hw.shape), mask_hw)
        assert own["pixels"] == mask_hw.sum()
    assert sum(own["pixels"] for own in found["classes"]) > IMAGE[..., 0].size


@pytest.mark.parametrize("binary", [True, False])
def test_the_protocol_says_the_type(binary: bool, client: httpx.Client, expected: Prediction) -> None:
    (output,) = client.get("/v2/models/team").json()["outputs"]
    assert output["datatype"] == "UINT16"
    tensor = {
        "name": "image",
        "datatype": "UINT8",
        "shape": [1, *IMAGE.shape],
        "data": IMAGE.ravel().tolist(),
    }
    wish = {"name": "labels", "parameters": {"binary_data": binary}}
    answer = client.post("/v2/models/team/infer", json={"inputs": [tensor], "outputs": [wish]})
    if binary:
        length = int(answer.headers["Inference-Header-Content-Length"])
        found = np.frombuffer(answer.content[length:], "<u2")
    else:
        found = np.array(answer.json()["outputs"][0]["data"])
    np.testing.assert_array_equal(found.reshape(expected.labels.shape), expected.labels)


def test_the_page_gets_planes_of_bytes(client: httpx.Client, expected: Prediction) -> None:
    assert client.get("/about").json()["task"] == "multilabel"
    layer = client.post("/look", content=png(IMAGE)).json()["layers"][0]
    content = base64.b64decode(layer["labels"].partition(",")[2])
    planes = decoded(content)
    low, high = planes.reshape(2, *expected.labels.shape)
    np.testing.assert_array_equal(low + 256 * high.astype(np.uint16), expected.labels)


def test_the_drawn_image_is_that_of_python(client: httpx.Client, expected: Prediction) -> None:
    answer = client.post("/label?as=overlay", content=png(IMAGE))
    found = decoded(answer.content, cv2.IMREAD_COLOR_RGB)
    assert abs(found.astype(int) - expected.overlay(IMAGE)).mean() < 12  # Of a JPEG.
