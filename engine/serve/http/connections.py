"""Connections that nobody can hold for nothing: bounded in number, in time, and in what is read for nothing.

Uvicorn's protocol has a time for idle connections only. Here a request's header must arrive in time; a
client that does not read its response is hung up on; and a response that comes before the request's end
is followed by a lingering close (RFC 9112, section 9.6): what is still sent is read and thrown away for
a while, because a connection that is closed with data unread is reset, and the response may be lost.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from seg.engine.serve.http.admission import Limits

ACCEPTED_AT_ONCE: Final = 128
"""How many connections are accepted before anything else is done.

Far fewer than may be open, so that one that comes in a flood is read before it is the oldest.
"""

WAITING: Final = 4096
"""How many connections the system lets wait; one that finds no room tries again after a second or three."""

LINGER_S: Final = 5.0
"""How long is read on for nothing at most."""

LINGER_BYTES: Final = 48 * 2**20
"""How much is read for nothing; whoever sends on cannot send on any more, and may read the response."""

_STILL_SENDING: Final = (h11.SEND_BODY, h11.ERROR)


class Connections:
    """All open connections of a server; when there are too many, those that wait for a request go first."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: dict[BoundedProtocol, str] = {}
        self._by_client: Counter[str] = Counter()

    def admit(self, protocol: "BoundedProtocol", client: str) -> bool:
        """Take in a connection, at the cost of an idle one if need be; says whether there was room."""
        has_room = self._make_room(client)
        self._open[protocol] = client
        self._by_client[client] += 1
        return has_room

    def forget(self, protocol: "BoundedProtocol") -> None:
        """Note that a connection is closed."""
        client = self._open.pop(protocol, None)
        if client is not None:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]

    def _make_room(self, client: str) -> bool:
        if self._by_client[client] >= self.limits.connections_per_client:
            return self._close_oldest_idle(client)
        return len(self._open) < self.limits.connections or self._close_oldest_idle(None)

    def _close_oldest_idle(self, client: str | None) -> bool:
        """Close the oldest connection that is in no request, of one client or of all."""
        for protocol, owner in self._open.items():
            if client in (None, owner) and not protocol.is_in_request:
                self.forget(protocol)
                protocol.hang_up()
                return True
        return False


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 on one connection, with a time for everything."""

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._connections = connections
        self._limits = connections.limits
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._lingering: int | None = None
        self._socket: asyncio.Transport

    @property
    def is_in_request(self) -> bool:
        """Whether a request's header has arrived, and its response is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._socket = transport
        super().connection_made(_ClosedGently(transport, self.close_gently))  # type: ignore[arg-type]
        client = self.client[0] if self.client else ""
        if not self._connections.admit(self, client):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections: try again in a second")
            return
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.forget(self)
        _cancel_timer(self._header_timer)
        _cancel_timer(self._stall_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None:
            self._lingering -= len(data)
            if self._lingering <= 0:
                self._socket.pause_reading()
            return
        super().data_received(data)
        if self.is_in_request:
            _cancel_timer(self._header_timer)
            self._header_timer = None
        else:
            self._await_header()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._lingering is None and not self.is_in_request:
            self._await_header()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "this is no HTTP request, or its header is too long")

    def pause_writing(self) -> None:
        """Called when the client is behind with reading."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(self._limits.seconds, self.hang_up)

    def resume_writing(self) -> None:
        """Called when the client has caught up."""
        super().resume_writing()
        _cancel_timer(self._stall_timer)

    def hang_up(self) -> None:
        """Close at once, whatever is under way."""
        self._socket.abort()

    def close_gently(self) -> None:
        """Close once the response is read: at once where the client has sent all it has to."""
        if self._lingering is not None or self._socket.is_closing():
            return
        if self.conn.their_state in _STILL_SENDING:
            self._linger()
        else:
            self._close_in(self._limits.seconds)

    def _linger(self) -> None:
        self._lingering = LINGER_BYTES
        if self._socket.can_write_eof():
            self._socket.write_eof()
        self._socket.resume_reading()
        self.loop.call_later(LINGER_S, self._close_in, LINGER_S)

    def _close_in(self, seconds: float) -> None:
        """Close when all is written; give up on a client that does not read it in time."""
        if not self._socket.is_closing():
            self._socket.close()
            _cancel_timer(self._stall_timer)
            self._stall_timer = self.loop.call_later(seconds, self.hang_up)

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self._limits.headers_seconds, self._header_is_late)

    def _header_is_late(self) -> None:
        partial, _ = self.conn.trailing_data
        if partial and self.conn.their_state is h11.IDLE:
            seconds = self._limits.headers_seconds
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the header did not come within {seconds:g} s")
        else:
            self.close_gently()

    def _refuse(self, status: HTTPStatus, line: str) -> None:
        """Answer outside of the application, and close."""
        if self.is_in_request:
            if self.cycle.response_started:
                self.hang_up()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = json.dumps({"error": line}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._socket.write(head.encode("ascii") + body)
        self._linger()


class _ClosedGently:
    """A transport whose `close` is another."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self.close = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _cancel_timer(timer: asyncio.TimerHandle | None) -> None:
    """Cancel a timer that may not be set."""
    if timer is not None:
        timer.cancel()
