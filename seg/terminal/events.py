"""The form of what commands say on stderr: text, less of it, or events for programs.

`seg --quiet` and `seg --json` choose it, for their process and those that it starts. An event is a line with
one JSON object; `docs/reference/events.md` lists them.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

Form = Literal["text", "quiet", "json"]
Event = Literal["begin", "progress", "line", "end", "notice", "output", "next", "error", "stopped"]

FORM_VARIABLE: Final = "SEG_FORM"


def current_output_form() -> Form:
    """The form that was chosen; text by default."""
    match os.environ.get(FORM_VARIABLE):
        case "quiet":
            return "quiet"
        case "json":
            return "json"
    return "text"


@contextmanager
def in_output_form(form: Form) -> Iterator[None]:
    """Use a form here and in processes that are started."""
    before = os.environ.get(FORM_VARIABLE)
    os.environ[FORM_VARIABLE] = form
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORM_VARIABLE]
        else:
            os.environ[FORM_VARIABLE] = before


def event_line(event: Event, **facts: object) -> str:
    """An event as JSON, without the line's end."""
    return json.dumps({"event": event, **facts})


def emit_event(event: Event, **facts: object) -> None:
    """Write an event, if the form is JSON."""
    if current_output_form() == "json":
        sys.stderr.write(event_line(event, **facts) + "\n")
        sys.stderr.flush()
