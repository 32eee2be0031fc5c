"""Cancelling work when its client disconnects."""

import asyncio
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

Result = TypeVar("Result")


async def await_until_disconnect(request: Request, work: "asyncio.Future[Result]") -> Result:
    """Await work, and cancel it when the client disconnects or time is over. The body was read before.

    Raises:
        ClientDisconnect: nobody is there who would read the response.
    """
    disconnected = asyncio.ensure_future(_wait_for_disconnect(request))
    either: set[asyncio.Future[Any]] = {work, disconnected}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientDisconnect
    finally:
        disconnected.cancel()
        if work.cancel():
            with suppress(asyncio.CancelledError):
                await work


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
