"""The Open Inference Protocol (KServe), version 2: requests and responses, which Triton's clients speak.

Sources: the protocol's `rest_predict_v2` and Triton's extension for binary tensors, in which a JSON header of
`Inference-Header-Content-Length` bytes is followed by the tensors.
"""

import json
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from seg.engine.serve.http.errors import HttpError
from seg.image_type import RGB8, ImageType, PixelType
from seg.labels.task import LabelMap

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
VERSION: Final = "1"

MOST_IMAGES: Final = 64
"""Images of one request; each has a place of its own in the engine's queue."""

ImagesNHWC = NDArray[Any]


Datatype = Literal["UINT8", "UINT16", "FP32"]

DATATYPES: Final[dict[PixelType, Datatype]] = {"uint8": "UINT8", "uint16": "UINT16", "float32": "FP32"}
"""The protocol's names of the pixels' types."""


class InputTensor(BaseModel):
    """Images of one size, `[N, H, W, B]`."""

    name: Literal["image"]
    datatype: Datatype
    shape: tuple[int, int, int, int]
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """An output that a request names, and how it is to be encoded."""

    name: Literal["labels"]
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferRequest(BaseModel):
    """A request for the labels of images."""

    id: str = Field(default="", max_length=256)
    inputs: tuple[InputTensor]
    outputs: tuple[RequestedOutput, ...] = Field(default=(), max_length=1)
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


def parse_infer_request(
    body: bytes, json_length: str | None, image_type: ImageType = RGB8
) -> tuple[InferRequest, bytes]:
    """The request for images of that type, and the bytes behind its JSON.

    Raises:
        HttpError: 400 with what is wrong, and where.
    """
    length = len(body) if json_length is None else _json_length_of_header(json_length, len(body))
    try:
        asked = InferRequest.model_validate(json.loads(body[:length]))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _bad_infer_request(f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _bad_infer_request(f"the request is no JSON that can be read: {error}") from error
    wanted, tensor = DATATYPES[image_type.pixels], asked.inputs[0]
    if tensor.datatype != wanted:
        raise _bad_infer_request(f"inputs.0.datatype: is {tensor.datatype}, expected {wanted}")
    if tensor.shape[3] != image_type.bands:
        raise _bad_infer_request(f"inputs.0.shape: has {tensor.shape[3]} bands, expected {image_type.bands}")
    count, *sides = asked.inputs[0].shape
    if min(count, *sides) < 1:
        raise _bad_infer_request(f"inputs.0.shape: has no pixel: {list(asked.inputs[0].shape)}")
    if count > MOST_IMAGES:
        raise _bad_infer_request(
            f"inputs.0.shape: {count} images: a request may have {MOST_IMAGES}: send several requests"
        )
    return asked, body[length:]


def images_of_infer_request(asked: InferRequest, tail: bytes) -> ImagesNHWC:
    """The images of a request, `[N, H, W, B]`.

    Raises:
        HttpError: 400 where there are more or fewer values than the shape says.
    """
    tensor = asked.inputs[0]
    if tensor.data is not None and tail:
        raise _bad_infer_request(f"inputs.0: has data, and {len(tail)} bytes follow the JSON")
    pixels = np.dtype(next(name for name, of in DATATYPES.items() if of == tensor.datatype))
    values = (
        _values_in_json(tensor.data, pixels)
        if tensor.data is not None
        else _values_in_binary(tensor, tail, pixels)
    )
    if values.size != math.prod(tensor.shape):
        raise _bad_infer_request(
            f"inputs.0: {values.size} values, and the shape {list(tensor.shape)} has another number"
        )
    return values.reshape(tensor.shape)


def infer_response(
    model: str, request_id: str, labels: Sequence[LabelMap], *, binary: bool
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the response with the labels, `[N, H, W]` of an unsigned type."""
    labels_nhw = np.stack(labels)
    datatype = _kserve_datatype(labels_nhw.dtype)
    output: dict[str, Any] = {"name": "labels", "datatype": datatype, "shape": labels_nhw.shape}
    facts: dict[str, Any] = {"id": request_id} if request_id else {}
    facts |= {"model_name": model, "model_version": VERSION, "outputs": [output]}
    if not binary:
        opened = json.dumps(facts).removesuffix("}]}").encode()
        body = b"".join((opened, b', "data": [', _labels_as_json_numbers(labels_nhw), b"]}]}"))
        return body, {"Content-Type": "application/json"}
    output["parameters"] = {"binary_data_size": labels_nhw.nbytes}
    header = json.dumps(facts).encode()
    headers = {HEADER_LENGTH: str(len(header)), "Content-Type": "application/octet-stream"}
    little = labels_nhw.astype(labels_nhw.dtype.newbyteorder("<"), copy=False)
    return b"".join((header, little.tobytes())), headers


def model_metadata(model: str, labels: np.dtype[Any], image_type: ImageType = RGB8) -> dict[str, Any]:
    """The model's inputs and outputs, label maps being of that type."""
    return {
        "name": model,
        "versions": [VERSION],
        "platform": "seg",
        "inputs": [
            {
                "name": "image",
                "datatype": DATATYPES[image_type.pixels],
                "shape": [-1, -1, -1, image_type.bands],
            }
        ],
        "outputs": [{"name": "labels", "datatype": _kserve_datatype(labels), "shape": [-1, -1, -1]}],
    }


def _kserve_datatype(dtype: np.dtype[Any]) -> str:
    return dtype.name.upper()


def _json_length_of_header(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise _bad_infer_request(
            f"{HEADER_LENGTH}: is a number of bytes of the body, which has {most}, got {text[:20]!r}"
        )
    return int(text)


def _values_in_json(data: list[Any], pixels: np.dtype[Any]) -> NDArray[Any]:
    most = np.iinfo(pixels).max if pixels.kind == "u" else None
    try:
        values = np.asarray(data)
        if most is None:
            return values.astype(np.float32).ravel()
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0 or values.max() > most:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        wanted = "numbers" if most is None else f"whole numbers from 0 to {most}"
        raise _bad_infer_request(f"inputs.0.data: are {wanted}") from error
    return values.astype(pixels).ravel()


def _values_in_binary(tensor: InputTensor, tail: bytes, pixels: np.dtype[Any]) -> NDArray[Any]:
    claimed = tensor.parameters.get("binary_data_size")
    if type(claimed) is not int or claimed != len(tail):
        raise _bad_infer_request(
            f"inputs.0.parameters.binary_data_size: is {str(claimed)[:20]!r}, and {len(tail)} bytes follow"
        )
    if len(tail) % pixels.itemsize:
        raise _bad_infer_request(f"inputs.0: {len(tail)} bytes are no whole number of {tensor.datatype}")
    return np.frombuffer(tail, dtype=pixels.newbyteorder("<")).astype(pixels, copy=False)


def _labels_as_json_numbers(labels_nhw: LabelMap) -> bytes:
    """All labels as decimal numbers with commas between, which is JSON without its brackets."""
    if labels_nhw.dtype != np.uint8:
        return ",".join(map(str, labels_nhw.ravel().tolist())).encode()
    texts = np.array([f"{label}," for label in range(256)], dtype="S4")
    padded = texts[labels_nhw.ravel()].tobytes()
    return padded.replace(b"\0", b"")[:-1]


def _bad_infer_request(line: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, line)
