"""Counts every request on its way out."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seg.engine.serve.metrics import Metrics

ELSEWHERE = "elsewhere"
"""Paths that are none of ours, which strangers choose, are counted together."""


class Counted:
    """Middleware that notes path, status and seconds of every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", ELSEWHERE)
                self._metrics.note(path, message["status"], time.perf_counter() - start)
            await send(message)

        await self._app(scope, receive, noting)
