"""What a client is told that asked for something it cannot have."""

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

HEADERS: Final[dict[HTTPStatus, dict[str, str]]] = {
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    # Else what the client still sends would be read to its end, and thrown away.
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}


class HttpError(Exception):
    """A status of 4xx or 5xx, and one line that says what is wrong and what to do."""

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status = status
        self.line = " ".join(line.split())


def install_error_handlers(app: FastAPI) -> None:
    """Let every error be answered with its status and `{"error": "one line"}`, as Triton does."""

    async def refusal(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HttpError)
        return _said(error.status, error.line, HEADERS.get(error.status, {}))

    async def wrong_address(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _said(error.status_code, f"{request.method} {request.url.path[:80]}: {error.detail}", {})

    async def wrong_question(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return _said(HTTPStatus.BAD_REQUEST, f"{first['loc'][-1]}: {first['msg']}", {})

    async def nobody_listens(_: Request, __: Exception) -> JSONResponse:
        return _said(HTTPStatus.BAD_REQUEST, "the request was cut off", {})

    app.add_exception_handler(HttpError, refusal)
    app.add_exception_handler(HTTPException, wrong_address)
    app.add_exception_handler(RequestValidationError, wrong_question)
    app.add_exception_handler(ClientDisconnect, nobody_listens)


def _said(status: int, line: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"error": line}, status, headers)
