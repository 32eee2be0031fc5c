"""The body of a request, read up to a limit."""

from http import HTTPStatus

from fastapi import Request

from seg.engine.serve.http.admission import Reservation
from seg.engine.serve.http.errors import HttpError


async def read_body(request: Request, most: int, held: Reservation) -> bytearray:
    """The whole body, which has `most` bytes at most; memory for it is set aside as it comes.

    Raises:
        HttpError: 413 where it has more, 415 where it is compressed, 429 where there is no memory for it.
    """
    if encoding := request.headers.get("content-encoding"):
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-encoding {encoding[:40]!r}: send the body uncompressed",
        )
    claimed = request.headers.get("content-length", "0")
    body = bytearray()
    # h11 lets none through that is no number.
    if int(claimed) <= most:
        async for chunk in request.stream():
            held.add(len(chunk))
            body += chunk
            if len(body) > most:
                break
        else:
            return body
    raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most / 1e6:.1f} MB")
