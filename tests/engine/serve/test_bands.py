"""A server of members of bands: 16-bit PNG, TIFF and npy, and tensors of their type."""

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

import seg
from seg.image_type import ImageType
from tests.engine.serve.conftest import PATIENCE_S, serving
from tests.engine.tiny_models import write_band_model

GREY = np.random.default_rng(0).integers(0, 10_000, (14, 11), np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bands")
    model = write_band_model(folder, 1, ImageType("uint16", 1))
    (folder / "spec.yaml").write_text(
        f"data: {{ range: [0, 10000] }}\nmembers: [{{ name: a, model: {model} }}]\nruntime: cpu\n"
    )
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder / "spec.yaml") as address:
        yield address


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "npy":
        np.save(stream, GREY)
    else:
        Image.fromarray(GREY).save(stream, format=kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "npy"])
def test_files_of_16_bits_are_labelled(kind: str, address: str, folder: Path) -> None:
    answer = httpx.post(f"{address}/label", content=saved(kind), timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
    expected = seg.load(folder / "spec.yaml").predict(GREY[..., None]).labels
    np.testing.assert_array_equal(found, expected)
    for result in ("overlay", "rle"):
        assert httpx.post(f"{address}/label?as={result}", content=saved(kind), timeout=PATIENCE_S).is_success
    assert httpx.post(f"{address}/look", content=saved(kind), timeout=PATIENCE_S).is_success


def test_tensors_have_the_type_of_the_members(address: str, folder: Path) -> None:
    about = httpx.get(f"{address}/v2/models/team", timeout=PATIENCE_S).json()
    assert about["inputs"] == [{"name": "image", "datatype": "UINT16", "shape": [-1, -1, -1, 1]}]
    tensor = {"name": "image", "datatype": "UINT16", "shape": [1, 14, 11, 1], "data": GREY.ravel().tolist()}
    asked = httpx.post(f"{address}/v2/models/team/infer", json={"inputs": [tensor]}, timeout=PATIENCE_S)
    assert asked.status_code == 200, asked.text
    found = np.array(asked.json()["outputs"][0]["data"]).reshape(14, 11)
    np.testing.assert_array_equal(found, seg.load(folder / "spec.yaml").predict(GREY[..., None]).labels)
    for wrong in ({"datatype": "UINT8"}, {"shape": [1, 14, 11, 3]}, {"data": [70_000] * 154}):
        other = httpx.post(
            f"{address}/v2/models/team/infer", json={"inputs": [tensor | wrong]}, timeout=PATIENCE_S
        )
        assert other.status_code == 400, other.text


@pytest.mark.parametrize(
    "body", [b"", b"\x93NUMPY", b"\x89PNG\r\n\x1a\n", saved("PNG")[:-30], saved("TIFF")[:-9]]
)
def test_damaged_files_are_refused(body: bytes, address: str) -> None:
    answer = httpx.post(f"{address}/label", content=body, timeout=PATIENCE_S)
    assert answer.status_code in {400, 415}, answer.text
