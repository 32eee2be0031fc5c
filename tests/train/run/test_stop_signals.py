"""SIGTERM and SIGHUP in training: ended in order, no process left, and the next run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.child_processes import children_of, is_alive
from tests.train.conftest import SpecWriter

Event = dict[str, Any]
WORKERS = 2


def stop_training(
    spec: Path, stops_at: Callable[[Event], bool], send: Callable[[int], None]
) -> tuple[int, list[Event], list[int]]:
    """Train until an event, and send a signal; returns the exit code, all events, and the child processes."""
    # Whoever runs the tests may have told them, and all that they begin, to be deaf to a signal.
    program = "import signal\nfor one in (1, 15): signal.signal(one, signal.SIG_DFL)\n"
    program += "from seg.commands import main\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "train", str(spec), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stderr is not None
    with process.stderr as stderr:
        events: list[Event] = []
        while not events or not stops_at(events[-1]):
            line = stderr.readline()
            assert line, events
            events.append(json.loads(line))
        while len(children := children_of(process.pid)) < WORKERS:
            assert process.poll() is None, events
        send(process.pid)
        rest = stderr.read()
    assert all(line.startswith("{") for line in rest.splitlines()), rest
    events += map(json.loads, rest.splitlines())
    return process.wait(), events, children


def has_trained_an_epoch(event: Event) -> bool:
    return bool(event["event"] == "progress" and event["title"] == "train toy" and event["done"] > 100)


def begins_training(event: Event) -> bool:
    return bool(event["event"] == "begin" and event["title"] == "train toy")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for the children of a process")
def test_training_that_is_stopped_goes_on(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = toy_spec(tmp_path, epochs=500, workers=WORKERS)
    code, events, children = stop_training(
        spec, has_trained_an_epoch, lambda pid: os.kill(pid, signal.SIGTERM)
    )
    assert code == 143, events
    assert events[-1]["event"] == "stopped"
    assert events[-1]["text"] == "stopped by SIGTERM; the same command goes on from here"
    code, events, more = stop_training(spec, begins_training, lambda pid: os.killpg(pid, signal.SIGHUP))
    assert code == 129, events
    assert events[-1]["signal"] == "SIGHUP"
    (begin,) = filter(begins_training, events)
    assert begin["done"] > 0
    assert not list(tmp_path.rglob(".*.seg-*"))
    while any(map(is_alive, [*children, *more])):
        time.sleep(0.01)
