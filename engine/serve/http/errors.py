"""HTTP errors: a status and one line for the client."""

from http import HTTPStatus
from typing import Final

HEADERS: Final[dict[HTTPStatus, dict[str, str]]] = {
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    # The rest of the body is not read as a next request: see `connections`.
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}


class HttpError(Exception):
    """A status of 4xx or 5xx, and one line that says what is wrong and what to do."""

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status = status
        self.line = " ".join(line.split())

    @property
    def headers(self) -> dict[str, str]:
        """What clients need beside the line."""
        return HEADERS.get(self.status, {})
