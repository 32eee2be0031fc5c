"""From a request's body to an image, or one line that says why not."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from seg.data.claims import claimed_size
from seg.engine.serve.admission import Limits
from seg.engine.serve.http_errors import HttpError

_FORM: Final = "multipart/form-data"
_MOST_FIELDS: Final = 8

FORM_BYTES: Final = 2**16
"""What the wrapping of an image in a form, or of pixels in a request for inference, may take beside it."""


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, which has that many bytes at most.

    Raises:
        HttpError: 413 where it has more, of which as much again is read at most; 415 where it is packed.
    """
    if encoding := request.headers.get("content-encoding"):
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content-encoding {encoding!r}: send it as it is")
    claimed = request.headers.get("content-length", "")
    claims_more = claimed.isdecimal() and int(claimed) > most
    chunks = request.stream()
    if not claims_more:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                break
        else:
            return bytes(body)
    if "expect" not in request.headers:
        await _discard(chunks, most)
    raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most / 1e6:.1f} MB")


async def _discard(chunks: AsyncGenerator[bytes, None], most: int) -> None:
    """Read on for nothing: a client that is still sending when its connection is closed loses the answer."""
    discarded = 0
    async for chunk in chunks:
        discarded += len(chunk)
        if discarded > most:
            return


async def read_upload(request: Request, limits: Limits) -> bytes:
    """The bytes of one image: the body itself, or the one file of a form; its name means nothing.

    Raises:
        HttpError: 400, 413 or 415.
    """
    is_form = request.headers.get("content-type", "").startswith(_FORM)
    body = await read_body(request, limits.upload + FORM_BYTES * is_form)
    data = await _file_of_form(request, body) if is_form else body
    if not data:
        raise HttpError(HTTPStatus.BAD_REQUEST, "there is no image: send its bytes, or a form with one file")
    return data


def pixels_claimed(data: bytes, limits: Limits) -> int:
    """How many pixels an image has, by its header.

    Raises:
        HttpError: 413 where that is more than is allowed, 415 where it is no image.
    """
    try:
        height, width = claimed_size(data)
    except ValueError as error:
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the image {error}") from error
    refuse_more_pixels(height * width, limits)
    return height * width


def refuse_more_pixels(count: int, limits: Limits) -> None:
    """Raise HttpError (413) where an image has more pixels than are allowed."""
    if count > limits.pixels:
        raise HttpError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the image has {count / 1e6:.1f} million pixels, and {limits.pixels / 1e6:.1f} are allowed",
        )


async def _file_of_form(request: Request, body: bytes) -> bytes:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, whole(), max_files=1, max_fields=_MOST_FIELDS).parse()
    except (MultiPartException, FormParserError) as error:
        reason = getattr(error, "message", str(error))
        raise HttpError(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {reason}") from error
    try:
        files = [part for part in form.values() if isinstance(part, UploadFile)]
        return await files[0].read() if files else b""
    finally:
        await form.close()
