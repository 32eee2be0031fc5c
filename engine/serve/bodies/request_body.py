"""From the body of a request to pixels: forms, encoded images, and tensors.

Runs in a process of its own with bounded memory (see `process`), because every parser here can be made
slow or greedy by whoever writes the body. Imports nothing of the HTTP server.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, Self

import numpy as np
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from seg.data.deep.decode import decode_deep, header_of_deep
from seg.data.deep.percentiles import scale_by_percentiles
from seg.data.images.image_header import image_size
from seg.data.images.images import decode_image
from seg.engine.serve import kserve_v2
from seg.engine.serve.http.errors import HttpError
from seg.errors import DataError
from seg.image_type import RGB8, ImageHWB, ImageType, PixelType

_FORM: Final = "multipart/form-data"
_MOST_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class BodyHeader:
    """What comes before a body: how to read it.

    Attributes:
        kind: `image`, bytes of one or a form with it, or `tensor`, a request of the Open Inference Protocol.
        content_type: the header of that name.
        json_length: the header `Inference-Header-Content-Length`, if it is there.
        most_pixels: of all images of the body.
        pixels, bands: the type of the images.
        percentile: by which images are brought to 0..1, if they are.
    """

    kind: Literal["image", "tensor"]
    content_type: str
    json_length: str | None
    most_pixels: int
    pixels: PixelType = "uint8"
    bands: int = 3
    percentile: tuple[float, float] | None = None

    @property
    def image_type(self) -> ImageType:
        return ImageType(self.pixels, self.bands)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)


class ImageBody:
    """One encoded image, which may be the one file of a form; its name means nothing."""

    def __init__(self, header: BodyHeader, body: bytes) -> None:
        """Read the image's header.

        Raises:
            HttpError: 400, 413 or 415.
        """
        self._data = _file_of_form(header.content_type, body) if is_multipart(header.content_type) else body
        if not self._data:
            raise _bad_body("there is no image: send its bytes, or a form with one file")
        self._header = header
        try:
            height, width = self._size()
        except (ValueError, DataError) as error:
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the image {error}") from error
        refuse_more_pixels(height * width, header.most_pixels)
        self.shape = (1, height, width)
        self.request: dict[str, Any] = {}

    def pixels(self) -> ImageHWB:
        """`[1, H, W, B]` of the header's type, or `[1, W, H, B]` where EXIF says that it lies on its side.

        Raises:
            HttpError: 400, the image is damaged, is larger than its header says, or lacks bands.
        """
        _, height, width = self.shape
        try:
            image_hwc = self._decoded()
        except DataError as error:
            raise _bad_body(str(error)) from error
        except ValueError as error:
            raise _bad_body(f"the image: {error}") from error
        if sorted(image_hwc.shape[:2]) != sorted((height, width)):
            found = f"{image_hwc.shape[1]}x{image_hwc.shape[0]}"
            raise _bad_body(
                f"the image is damaged: its header says {width}x{height} pixels, and it has {found}"
            )
        return image_hwc[None]

    def _size(self) -> tuple[int, int]:
        return image_size(self._data) if self._header.image_type == RGB8 else header_of_deep(self._data)[0]

    def _decoded(self) -> ImageHWB:
        if self._header.image_type == RGB8:
            return decode_image(self._data, "the image")
        image_hwb, percentile = decode_deep(self._data), self._header.percentile
        read = image_hwb if percentile is None else scale_by_percentiles(image_hwb, percentile)
        return self._header.image_type.convert(read)


class TensorBody:
    """Images of one size as a tensor."""

    def __init__(self, header: BodyHeader, body: bytes) -> None:
        """Read the JSON.

        Raises:
            HttpError: 400 or 413.
        """
        self._asked, self._tail = kserve_v2.parse_infer_request(body, header.json_length, header.image_type)
        refuse_more_pixels(self._asked.pixels, header.most_pixels)
        count, height, width, _ = self._asked.inputs[0].shape
        self.shape = (count, height, width)
        self.request = {"id": self._asked.id, "binary": self._asked.wants_binary}

    def pixels(self) -> kserve_v2.ImagesNHWC:
        """Images `[N, H, W, B]`; raises HttpError (400) where the values do not fit the shape."""
        return kserve_v2.images_of_infer_request(self._asked, self._tail)


def read_body_header(header: BodyHeader, body: bytes) -> ImageBody | TensorBody:
    """The body with its shape known and no pixel decoded; raises HttpError where it cannot be read."""
    return ImageBody(header, body) if header.kind == "image" else TensorBody(header, body)


def is_multipart(content_type: str) -> bool:
    """Whether a body of that type is a form with files."""
    return content_type.partition(";")[0].strip().lower() == _FORM


def refuse_more_pixels(count: int, most: int) -> None:
    """Raise HttpError (413) where an image has more pixels than are allowed."""
    if count > most:
        raise HttpError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the image has {count / 1e6:.1f} million pixels, and {most / 1e6:.1f} are allowed",
        )


def _file_of_form(content_type: str, body: bytes) -> bytes:
    """The content of the first file, or nothing."""
    parts: list[Field | File] = []

    def keep(part: Field | File) -> None:
        parts.append(part)
        if len(parts) > _MOST_PARTS:
            raise FormParserError(f"it has more than {_MOST_PARTS} parts")

    try:
        _, options = parse_options_header(content_type)
        in_memory = {"MAX_MEMORY_FILE_SIZE": len(body) + 1}
        parser = FormParser(_FORM, keep, keep, boundary=options.get(b"boundary"), config=in_memory)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError, AssertionError) as error:
        raise _bad_body(f"the form cannot be read: {error}") from error
    files = [part for part in parts if isinstance(part, File)]
    if not files:
        return b""
    files[0].file_object.seek(0)
    return files[0].file_object.read()


def _bad_body(line: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, line)


def pixels_as_bytes(images_nhwc: ImageHWB) -> memoryview:
    """The pixels one after another."""
    return np.ascontiguousarray(images_nhwc).reshape(-1).view(np.uint8).data
