"""Who is let in."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from seg.engine.serve.refusal import RefusedError

DECODED_BYTES: Final = 512 * 2**20
"""What decoded images of all requests take together, at most; one alone may be larger."""

_BYTES_A_PIXEL: Final = 3


class Desk:
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
        """Raises RefusedError (429) where the house is full."""
        if self.inside >= self._requests:
            raise _too_many(f"{self.inside} requests are being worked on")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @contextmanager
    def pixels(self, count: int) -> Iterator[None]:
        """Room for RGB images of so many pixels together; raises RefusedError (429) where there is none."""
        needed = count * _BYTES_A_PIXEL
        if self._decoded and self._decoded + needed > self._decoded_bytes:
            raise _too_many(f"images of {self._decoded // 2**20} MiB are being worked on")
        self._decoded += needed
        try:
            yield
        finally:
            self._decoded -= needed


def _too_many(why: str) -> RefusedError:
    return RefusedError(HTTPStatus.TOO_MANY_REQUESTS, f"{why}: try again in a second")
