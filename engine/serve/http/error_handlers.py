"""Every error as its status and `{"error": "one line"}`, as Triton does."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from seg.engine.serve.http.errors import HttpError


def add_error_handlers(app: FastAPI) -> None:
    """Let the application answer all errors in one form."""

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HttpError)
        return _error_response(error.status, error.line, error.headers)

    async def no_such_path(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _error_response(error.status_code, f"{request.method} {request.url.path[:80]}: {error.detail}")

    async def wrong_parameter(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return _error_response(HTTPStatus.BAD_REQUEST, f"{first['loc'][-1]}: {first['msg']}")

    async def disconnected(_: Request, __: Exception) -> JSONResponse:
        return _error_response(HTTPStatus.BAD_REQUEST, "the request was cut off")

    app.add_exception_handler(HttpError, http_error)
    app.add_exception_handler(HTTPException, no_such_path)
    app.add_exception_handler(RequestValidationError, wrong_parameter)
    app.add_exception_handler(ClientDisconnect, disconnected)


def _error_response(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": line}, status, headers)
