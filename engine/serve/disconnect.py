"""Cancelling work when its client disconnects."""

import asyncio
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

Answer = TypeVar("Answer")


async def until_disconnect(request: Request, answer: "asyncio.Future[Answer]") -> Answer:
    """Await an answer, and cancel it when the client hangs up or time is over. The body was read before.

    Raises:
        ClientDisconnect: nobody is there to be answered.
    """
    gone = asyncio.ensure_future(_hangs_up(request))
    either: set[asyncio.Future[Any]] = {answer, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise ClientDisconnect
    finally:
        gone.cancel()
        answer.cancel()


async def _hangs_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
