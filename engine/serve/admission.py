"""Who is let in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from seg.engine.serve.http_errors import HttpError

DECODED_BYTES: Final = 512 * 2**20
"""What decoded images of all requests take together, at most; one alone may be larger."""

_BYTES_A_PIXEL: Final = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask for, and all of them together.

    Attributes:
        requests: how many are worked on at once; the next one is turned away.
        pixels: of one image, and of all images of one request.
        upload: bytes of an encoded image.
        seconds: the most that a request may take, its upload among it.
    """

    requests: int = 64
    pixels: int = 16_000_000
    upload: int = 20_000_000
    seconds: float = 30.0


class Admission:
    """Lets in so many requests, and so many bytes of decoded images, and turns the others away at once.

    A queue without an end only moves the refusal to where it has cost the most. Belongs to one event loop.
    """

    def __init__(self, requests: int, decoded_bytes: int = DECODED_BYTES) -> None:
        self._requests = requests
        self._decoded_bytes = decoded_bytes
        self.inside = 0
        self._decoded = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Raises HttpError (429) where the server is full."""
        if self.inside >= self._requests:
            raise _too_many(f"{self.inside} requests are being worked on")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @contextmanager
    def pixels(self, count: int) -> Iterator[None]:
        """Room for RGB images of so many pixels together; raises HttpError (429) where there is none."""
        needed = count * _BYTES_A_PIXEL
        if self._decoded and self._decoded + needed > self._decoded_bytes:
            raise _too_many(f"images of {self._decoded // 2**20} MiB are being worked on")
        self._decoded += needed
        try:
            yield
        finally:
            self._decoded -= needed


def _too_many(why: str) -> HttpError:
    return HttpError(HTTPStatus.TOO_MANY_REQUESTS, f"{why}: try again in a second")
