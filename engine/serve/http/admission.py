"""Admission control: bounded requests, and bounded memory for what they bring and get."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seg.engine.serve.http.errors import HttpError

PIECE_BYTES: Final = 2**18
"""What of a response is handed to the connection at once; it takes more when this is on its way."""

SMALL_SHARE: Final = 1 / 32
"""Of all memory: a request that holds more is large."""

SHARE_OF_LARGE: Final = 3 / 4
"""Of all memory: what large requests may fill, so that small ones find room beside them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask for, and all of them together.

    Attributes:
        requests: how many are worked on at once; the next one is turned away.
        pixels: of one image, and of all images of one request.
        upload: bytes of an encoded image.
        seconds: the longest that a request may take, upload included.
        memory: bytes of this process and of those that read bodies; by default half of what is free.
        headers_seconds: until the header of a request is there.
        connections: open at once.
        connections_per_client: of those, from one address.
    """

    requests: int = 64
    pixels: int = 16_000_000
    upload: int = 20_000_000
    seconds: float = 30.0
    memory: int | None = None
    headers_seconds: float = 10.0
    connections: int = 2048
    connections_per_client: int = 1024


class Reservation:
    """Memory that is set aside for a request, to which more may be added; released once, from any thread."""

    def __init__(self, admission: "Admission", beside: "Reservation | None" = None) -> None:
        """Nothing yet; `beside` is what the same request holds elsewhere."""
        self._admission = admission
        self._beside = beside
        self._bytes = 0
        self._lock = Lock()

    @property
    def of_request(self) -> int:
        """Bytes that the request holds, here and elsewhere."""
        return self._bytes + (self._beside.of_request if self._beside else 0)

    def another(self) -> "Reservation":
        """One more for the same request, which is released before this one, or after."""
        return Reservation(self._admission, self)

    def add(self, count: int) -> None:
        """Set aside so many bytes more; raises HttpError: 429 if there are none now, 413 if never."""
        self._admission.take(count, self.of_request)
        with self._lock:
            self._bytes += count

    def release(self, *_: object) -> None:
        """Give all of it back; takes what callbacks are called with."""
        with self._lock:
            count, self._bytes = self._bytes, 0
        self._admission.give_back(count)


class Admission:
    """Lets in so many requests, which hold so many bytes together, and turns the others away at once.

    A queue without an end only moves the refusal to where it has cost the most.
    """

    def __init__(self, requests: int, memory: int) -> None:
        self.inside = 0
        self.held = 0
        self._requests = requests
        self._memory = memory
        self._lock = Lock()

    @contextmanager
    def request(self) -> Iterator[Reservation]:
        """A place, and the memory set aside for it; raises HttpError (429) where there is no place."""
        if self.inside >= self._requests:
            raise _too_many_requests(f"{self.inside} requests are being worked on")
        self.inside += 1
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self.inside -= 1
            reservation.release()

    def take(self, count: int, of_request: int) -> None:
        """Set bytes aside for a request that holds some already; see `Reservation.add`."""
        needed = count + of_request
        is_large = needed > SMALL_SHARE * self._memory
        most = SHARE_OF_LARGE * self._memory if is_large else self._memory
        if needed > most:
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the request takes {needed / 1e6:.0f} MB of memory: there are {most / 1e6:.0f}",
            )
        with self._lock:
            if self.held + count > most:
                raise _too_many_requests(f"{self.held / 1e6:.0f} MB of memory are in use")
            self.held += count

    def give_back(self, count: int) -> None:
        """Release bytes."""
        with self._lock:
            self.held -= count


class ResponseMiddleware:
    """Sends responses in pieces, and leaves the contexts on `request.state.until_sent` when they are sent.

    So a client that does not read its response holds one piece, and its place among the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            starts = range(0, len(body), PIECE_BYTES)
            for start in starts[:-1]:
                await send(
                    {"type": message["type"], "body": body[start : start + PIECE_BYTES], "more_body": True}
                )
            await send({**message, "body": body[starts[-1] :]} if starts else message)

        async with AsyncExitStack() as until_sent:
            scope["state"]["until_sent"] = until_sent
            await self._app(scope, receive, send_in_pieces)


def _too_many_requests(why: str) -> HttpError:
    return HttpError(HTTPStatus.TOO_MANY_REQUESTS, f"{why}: try again in a second")
