"""Launch a command in one process per device of this machine, and end all if one fails."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, Final

from seg.errors import EXIT_USER_ERROR

_LAUNCHED_VARIABLE: Final = "SEG_SUPERVISED"
_POLL_S: Final = 0.1
_GRACE_S: Final = 10.0
_LAST_BYTES: Final = 2000
_ERROR_GRACE_S: Final = 2.0
_KILLED: Final = 128


def is_distributed() -> bool:
    """Whether this process already belongs to a group, so that it must not launch others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def launch_processes(arguments: Sequence[str], count: int) -> int:
    """Run `seg ARGUMENTS` in `count` processes; only the output of the first goes to the terminal.

    If another process fails first, its last line is printed.

    Returns:
        The exit code of the process that failed first, else 0.
    """
    port = _free_port()
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count - 1)]
        workers = [_start_process(arguments, place, count, port, outputs) for place in range(count)]
        try:
            failed = _first_failed_process(workers)
        finally:
            _terminate_processes(workers)
        if failed is None:
            return 0
        if failed > 0:
            sys.stderr.write(_last_line_of_outputs(outputs[failed - 1]))
        code = workers[failed].returncode
        return code if code > 0 else _KILLED - code


def exit_with_launcher() -> None:
    """From now on, end this process when the process that launched it is gone, for whatever reason."""
    if os.environ.get(_LAUNCHED_VARIABLE):
        threading.Thread(target=_exit_on_closed_stdin, daemon=True).start()


def _exit_on_closed_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def _start_process(
    arguments: Sequence[str], place: int, count: int, port: int, outputs: Sequence[IO[bytes]]
) -> subprocess.Popen[bytes]:
    environment = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "RANK": str(place),
        "LOCAL_RANK": str(place),
        "GROUP_RANK": "0",
        _LAUNCHED_VARIABLE: "1",
    }
    output = outputs[place - 1] if place else None
    return subprocess.Popen(
        [sys.executable, "-m", "seg", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
    )


def _first_failed_process(workers: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all processes; the first that failed, preferring user errors over lost connections."""
    while True:
        codes = [worker.poll() for worker in workers]
        if any(codes):
            time.sleep(_ERROR_GRACE_S)
            codes = [worker.poll() for worker in workers]
            to_blame = [place for place, code in enumerate(codes) if code == EXIT_USER_ERROR]
            return (to_blame or [place for place, code in enumerate(codes) if code])[0]
        if None not in codes:
            return None
        time.sleep(_POLL_S)


def _terminate_processes(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    for worker in workers:
        try:
            worker.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _last_line_of_outputs(outputs: IO[bytes]) -> str:
    outputs.seek(0, os.SEEK_END)
    outputs.seek(max(0, outputs.tell() - _LAST_BYTES))
    lines = outputs.read().decode(errors="replace").strip().splitlines()
    return f"{lines[-1]}\n" if lines else ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
