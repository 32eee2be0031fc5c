"""Progress as people, logs, notebooks and programs see it."""

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest

from seg.terminal.events import in_output_form
from seg.terminal.notices import notice, suggest_next
from seg.terminal.progress import progress
from seg.terminal.progress.notebook import KERNEL_VARIABLE

WORK = """
from seg.terminal.progress import progress
with progress("count", 3, unit="images", done=1) as advance:
    advance(note="first", line="a line")
    advance()
"""


def work() -> None:
    with progress("count", 3, unit="images", done=1) as advance:
        advance(note="first", line="a line")
        advance()


def in_a_terminal(**variables: str) -> str:
    """What `WORK` writes in a terminal, by a process of its own."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != KERNEL_VARIABLE}
    subprocess.run(
        [sys.executable, "-c", WORK], stdout=theirs, stderr=theirs, env=environment | variables, check=True
    )
    os.close(theirs)
    found = b""
    try:
        while part := os.read(ours, 65536):
            found += part
    except OSError:  # As Linux ends a terminal whose other side is closed.
        pass
    os.close(ours)
    return found.decode()


def test_a_log_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    work()
    first, line, last = capsys.readouterr().err.splitlines()
    assert first == "count: 1/3 images"
    assert line == "count: a line"
    assert re.fullmatch(r"count: 3/3 images, [\d.]+ images/s, 0:00:00 left, first", last)


@pytest.mark.slow
def test_a_terminal_gets_a_bar() -> None:
    text = in_a_terminal(TERM="xterm")
    assert "3/3" in text
    assert "\x1b[" in text
    assert "a line" in text


@pytest.mark.slow
def test_a_cell_of_a_notebook_gets_one_line_without_control_sequences() -> None:
    text = in_a_terminal(**{KERNEL_VARIABLE: "1"})
    assert "\x1b" not in text
    shown = [line.rpartition("\r")[2].rstrip() for line in text.split("\r\n")]
    assert shown[0] == "a line"
    assert shown[1].startswith("━" * 20 + " count: 3/3 images")


def test_programs_get_events(capsys: pytest.CaptureFixture[str]) -> None:
    with in_output_form("json"):
        work()
        notice("something was skipped")
        suggest_next("seg tune mine.yaml")
    events = events_in(capsys.readouterr().err)
    facts = {"title": "count", "total": 3, "unit": "images"}
    assert events[0] == {"event": "begin", "done": 1, **facts}
    assert events[1] == {"event": "line", "title": "count", "text": "a line"}
    assert events[2] == {"event": "end", "done": 3, **facts, "seconds": events[2]["seconds"]}
    assert events[3] == {"event": "notice", "text": "something was skipped"}
    assert events[4] == {"event": "next", "command": "seg tune mine.yaml"}


def test_quiet_is_without_progress_and_with_notices(capsys: pytest.CaptureFixture[str]) -> None:
    with in_output_form("quiet"):
        work()
        suggest_next("seg tune mine.yaml")
        notice("something else was skipped")
    assert capsys.readouterr().err == "seg: something else was skipped\n"


def events_in(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
