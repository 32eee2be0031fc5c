"""`seg serve` while clients attack it: its memory, its liveness, and what clients get.

    python -m benchmarks.serve.serve_under_attack ensembles/camvid.yaml
    python -m benchmarks.serve.serve_under_attack ensembles/camvid.yaml --mixed --clients 64 --seconds 60

By default each attack runs alone against a server of its own. With `--mixed` half of the clients send
validation images, and the others all attacks at random. A prober opens a new connection for
`/v2/health/live` twenty times a second, and as often one to a process that does nothing else than answer
(the control): what that one takes is the machine's doing. Memory is that of the server and of its child
processes.
"""

import argparse
import http.client
import multiprocessing
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.serve.attacks import Attack, attacks_on, posting_attack, request_once
from seg.data import open_split
from seg.spec import load_ensemble

PROBE_EVERY_S: Final = 0.05
A_SECOND: Final = round(1 / PROBE_EVERY_S)
SETTLES_S: Final = 5.0
"""After an attack, until memory is read once more."""


@dataclass
class Watch:
    """What was seen: outcomes of clients, seconds of liveness probes and of the control, bytes of memory."""

    outcomes: Counter[str] = field(default_factory=Counter)
    probes: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def weigh(self, pid: int) -> None:
        """Read the memory of a process and of its children until it is over."""
        while not self.is_over.wait(PROBE_EVERY_S):
            self.memory.append(resident_bytes_with_children(pid))


def probe_liveness(port: int, control_port: int, pipe: Connection) -> None:
    """Ask for liveness, and the control, until something is sent, and send back the seconds of both.

    One that fails counts as the time that was waited.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    while not pipe.poll(PROBE_EVERY_S):
        for asked, noted in zip((port, control_port), seconds, strict=True):
            start = time.monotonic()
            with suppress(OSError):
                status, _ = request_once(asked, "GET", "/v2/health/live")
                assert status == http.HTTPStatus.OK
            noted.append(time.monotonic() - start)
    pipe.send(seconds)


def answer_at_once(listener: socket.socket) -> None:
    """The control: an HTTP server of nothing."""
    while True:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def resident_bytes_with_children(pid: int) -> int:
    """Bytes of a process and of its children."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        own = 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [one for thread in threads for one in (thread / "children").read_text().split()]
        return own + sum(resident_bytes_with_children(int(child)) for child in children)
    return 0


@contextmanager
def attacked_server(spec: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Port and process of a server for the spec."""
    command = [sys.executable, "-u", "-m", "seg", "serve", str(spec), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if "http://" in line:
                break
            print(f"    {line.rstrip()}", flush=True)
        try:
            yield int(line.rstrip().rpartition(":")[2]), process.pid
        finally:
            process.terminate()


def run_attack(attack: Attack, port: int, watch: Watch) -> None:
    """One client."""
    try:
        outcome = attack(port)
    except (OSError, http.client.HTTPException) as error:
        outcome = type(error).__name__
    watch.outcomes[outcome] += 1


@contextmanager
def watch_attacked_server(port: int, pid: int) -> Iterator[Watch]:
    watch = Watch()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    control = context.Process(target=answer_at_once, args=(listener,), daemon=True)
    control.start()
    prober = context.Process(target=probe_liveness, args=(port, listener.getsockname()[1], theirs))
    prober.start()
    scales = threading.Thread(target=watch.weigh, args=(pid,))
    scales.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        scales.join()
        ours.send("over")
        watch.probes, watch.control = ours.recv()
        prober.join()
        control.kill()
        listener.close()


def run_attackers_together(clients: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def attack_row(name: str, before: int, watch: Watch, after: int) -> str:
    counts = ", ".join(f"{count} of {outcome}" for outcome, count in sorted(watch.outcomes.items()))
    return (
        f"| {name} | {before / 1e6:.0f} | {max(watch.memory, default=0) / 1e6:.0f} | {after / 1e6:.0f}"
        f" | {latency_milliseconds(watch.probes)} | {latency_milliseconds(watch.control)} | {counts} |"
    )


def latency_milliseconds(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum."""
    found = np.array(seconds or [0.0]) * 1e3
    return f"{np.median(found):.0f} / {np.percentile(found, 99):.0f} / {found.max():.0f}"


def no_attack(_: int) -> str:
    """No attack, to compare with."""
    time.sleep(SETTLES_S)
    return "nothing"


def attack_each_alone(spec: Path, only: str) -> None:
    for name, (attack, clients) in {"nothing": (no_attack, 1), **attacks_on(spec.stem)}.items():
        if only not in name:
            continue
        with attacked_server(spec) as (port, pid):
            before = resident_bytes_with_children(pid)
            with watch_attacked_server(port, pid) as watch:
                run_attackers_together([partial(run_attack, attack, port, watch)] * clients)
            time.sleep(SETTLES_S)
            print(attack_row(name, before, watch, resident_bytes_with_children(pid)), flush=True)


def attack_mixed(spec: Path, clients: int, seconds: float) -> None:
    samples = open_split(load_ensemble(spec).data, "val").samples
    honest = [posting_attack("/label", sample.image.read_bytes()) for sample in samples]
    bad = [attack for attack, _ in attacks_on(spec.stem).values()]
    with attacked_server(spec) as (port, pid):
        before = resident_bytes_with_children(pid)
        ends_at = time.monotonic() + seconds
        good_watch, bad_watch = Watch(), Watch()

        def client(number: int) -> None:
            rng = random.Random(number)
            is_good = number % 2 == 0
            while time.monotonic() < ends_at:
                run_attack(rng.choice(honest if is_good else bad), port, good_watch if is_good else bad_watch)

        with watch_attacked_server(port, pid) as watch:
            run_attackers_together([partial(client, number) for number in range(clients)])
        time.sleep(SETTLES_S)
        watch.outcomes = good_watch.outcomes
        print(attack_row("the good ones of both together", before, watch, resident_bytes_with_children(pid)))
        print(f"bad: {dict(bad_watch.outcomes)}")
        seconds_each = [
            watch.memory[start : start + A_SECOND] for start in range(0, len(watch.memory), A_SECOND)
        ]
        print("MB at most in each second:", *(f"{max(part) / 1e6:.0f}" for part in seconds_each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--only", default="", help="attacks with these words in their name")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    print("| | MB before | MB at most | MB after | live p50 / p99 / max, ms | control | clients got |")
    print("|---|---:|---:|---:|---:|---:|---|")
    if asked.mixed:
        attack_mixed(asked.spec, asked.clients, asked.seconds)
    else:
        attack_each_alone(asked.spec, asked.only)


if __name__ == "__main__":
    main()
