"""The Open Inference Protocol, version 2, over HTTP, so that Triton's clients can ask this server, too.

Sources: the protocol's `rest_predict_v2` and Triton's extension for binary tensors, in which a JSON header of
`Inference-Header-Content-Length` bytes is followed by the tensors.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from seg.engine.serve.http_errors import HttpError

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
VERSION: Final = "1"

ImagesNHWC = NDArray[np.uint8]
LabelsNHW = NDArray[np.uint8]


class InputTensor(BaseModel):
    """RGB images of one size, `[N, H, W, 3]`."""

    name: Literal["image"]
    datatype: Literal["UINT8"]
    shape: tuple[int, int, int, Literal[3]]
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[Any] | None = None


class OutputWish(BaseModel):
    name: Literal["labels"]
    parameters: dict[str, Any] = Field(default_factory=dict)


class Inference(BaseModel):
    """A request, of which only images of the one input are taken and labels are given."""

    id: str = ""
    inputs: tuple[InputTensor]
    outputs: tuple[OutputWish, ...] = Field(default=(), max_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Of all images."""
        count, height, width, _ = self.inputs[0].shape
        return count * height * width

    @property
    def wants_binary(self) -> bool:
        own = self.outputs[0].parameters if self.outputs else {}
        return bool(own.get("binary_data", self.parameters.get("binary_data_output", False)))


def parse(body: bytes, header_length: str | None) -> tuple[Inference, bytes]:
    """The request, and the bytes behind it.

    Raises:
        HttpError: 400 with what is wrong, and where.
    """
    length = len(body) if header_length is None else _length(header_length, len(body))
    try:
        asked = Inference.model_validate(json.loads(body[:length]))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _bad(f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _bad(f"the request is no JSON: {error}") from error
    if min(asked.inputs[0].shape) < 1:
        raise _bad(f"inputs.0.shape: has no pixel: {list(asked.inputs[0].shape)}")
    return asked, body[length:]


def images_of(asked: Inference, tail: bytes) -> ImagesNHWC:
    """The images of a request, uint8 `[N, H, W, 3]`.

    Raises:
        HttpError: 400 where there are more or fewer values than the shape says.
    """
    tensor = asked.inputs[0]
    values = _written_out(tensor.data) if tensor.data is not None else _binary(tensor, tail)
    if values.size != np.prod(tensor.shape):
        raise _bad(f"inputs.0: {values.size} values, and the shape {list(tensor.shape)} has another number")
    return values.reshape(tensor.shape)


def answer(model: str, asked: Inference, labels: Sequence[NDArray[np.uint8]]) -> Response:
    """The labels, uint8 `[N, H, W]`, in the form that was wished for."""
    labels_nhw = np.stack(labels)
    output: dict[str, Any] = {"name": "labels", "datatype": "UINT8", "shape": labels_nhw.shape}
    said = {"model_name": model, "model_version": VERSION, "outputs": [output]}
    if asked.id:
        said["id"] = asked.id
    if not asked.wants_binary:
        output["data"] = labels_nhw.ravel().tolist()
        return Response(json.dumps(said), media_type="application/json")
    output["parameters"] = {"binary_data_size": labels_nhw.nbytes}
    header = json.dumps(said).encode()
    headers = {HEADER_LENGTH: str(len(header))}
    return Response(header + labels_nhw.tobytes(), headers=headers, media_type="application/octet-stream")


def metadata(model: str) -> dict[str, Any]:
    """What the server says of its model."""
    return {
        "name": model,
        "versions": [VERSION],
        "platform": "seg",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [{"name": "labels", "datatype": "UINT8", "shape": [-1, -1, -1]}],
    }


def _length(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise _bad(f"{HEADER_LENGTH}: is a number of bytes of the body, which has {most}, got {text[:20]!r}")
    return int(text)


def _written_out(data: list[Any]) -> NDArray[np.uint8]:
    try:
        values = np.asarray(data)
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0 or values.max() > 255:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise _bad("inputs.0.data: are whole numbers from 0 to 255") from error
    return values.astype(np.uint8).ravel()


def _binary(tensor: InputTensor, tail: bytes) -> NDArray[np.uint8]:
    said = tensor.parameters.get("binary_data_size")
    if said != len(tail):
        raise _bad(f"inputs.0.parameters.binary_data_size: is {said!r}, and {len(tail)} bytes follow")
    return np.frombuffer(tail, dtype=np.uint8)


def _bad(line: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, line)
