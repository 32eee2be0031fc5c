"""`seg serve` under many clients, beside the bare engine on the same images.

    python -m benchmarks.serve.serve ensembles/camvid.yaml --clients 64 --seconds 60

Every client sends the encoded bytes of a validation image over loopback, waits for the labels as PNG and
sends the next; one that is turned away waits for as long as it is told. The bare engine decodes the files
and makes label maps. Clients and server share the machine's cores.
"""

import argparse
import http.client
import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seg.data import Sample, open_split
from seg.data.images.read_sample import open_sample
from seg.engine.ensemble import Ensemble
from seg.engine.pipeline.prefetch import PrefetchReader
from seg.engine.pipeline.timing import Clock
from seg.spec import load_ensemble

WARM_UP_S = 5.0
ASK_EVERY_S = 1.0


@dataclass
class Load:
    """What clients saw: seconds of answers by status, and the server's memory in bytes, once a second."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            self.seconds.setdefault(status, []).append(seconds)


def bare_rate(spec: Path, samples: list[Sample], seconds: float) -> float:
    """Images a second of the engine alone."""
    ensemble = Ensemble.load(spec)
    ends_at = time.monotonic() + seconds

    def endless() -> Iterator[Sample]:
        return itertools.takewhile(lambda _: time.monotonic() < ends_at, itertools.cycle(samples))

    start = time.perf_counter()
    done = sum(
        1 for _ in ensemble.label_all(PrefetchReader(open_sample, Clock()).read(endless()), lambda *_: None)
    )
    return done / (time.perf_counter() - start)


@contextmanager
def running_server(spec: Path, requests: int) -> Iterator[tuple[int, int]]:
    """Port and process of a server for the spec."""
    command = [sys.executable, "-u", "-m", "seg", "serve", str(spec), "--port", "0"]
    command += ["--requests", str(requests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = next(line for line in process.stdout if "http://" in line)
        try:
            yield int(address.rstrip().rpartition(":")[2]), process.pid
        finally:
            process.terminate()


def ask_as_client(
    port: int, bodies: list[bytes], first: int, load: Load, begins_at: float, ends_at: float
) -> None:
    """One client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in itertools.count(first):
        start = time.monotonic()
        if start > ends_at:
            return
        connection.request("POST", "/label", bodies[number % len(bodies)])
        answer = connection.getresponse()
        answer.read()
        if start > begins_at:
            load.note(answer.status, time.monotonic() - start)
        if answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
            time.sleep(int(answer.headers["Retry-After"]))


def resident_bytes_of_server(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


def under_load(spec: Path, bodies: list[bytes], clients: int, seconds: float, requests: int) -> Load:
    load = Load()
    with running_server(spec, requests) as (port, pid):
        begins_at = time.monotonic() + WARM_UP_S
        ends_at = begins_at + seconds
        threads = [
            threading.Thread(target=ask_as_client, args=(port, bodies, number, load, begins_at, ends_at))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            load.memory.append(resident_bytes_of_server(pid))
            time.sleep(ASK_EVERY_S)
    return load


def load_row(name: str, load: Load, seconds: float, bare: float) -> str:
    answered = load.seconds.get(http.HTTPStatus.OK, [])
    rate = len(answered) / seconds
    median, late = (1e3 * np.percentile(answered, share) for share in (50, 99))
    counts = ", ".join(f"{count} of {status}" for status, count in sorted(load.statuses.items()))
    early = load.memory[: int(2 * WARM_UP_S)]
    grown = load.memory[-1] - early[-1]
    return (
        f"| {name} | {rate:.2f} | {rate / bare:.0%} | {median:.0f} | {late:.0f} | {counts}"
        f" | {max(load.memory) / 1e6:.0f} | {grown / 1e6:+.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, nargs="+", default=[64])
    asked = parser.parse_args()
    samples = list(open_split(load_ensemble(asked.spec).data, "val").samples)
    bodies = [sample.image.read_bytes() for sample in samples]
    bare = bare_rate(asked.spec, samples, asked.seconds / 2)
    print("| | images a second | of the engine | p50, ms | p99, ms | answers | peak, MB | grown, MB |")
    print("|---|---:|---:|---:|---:|---|---:|---:|")
    print(f"| bare engine | {bare:.2f} | 100% | | | | | |", flush=True)
    for clients, requests in itertools.product(asked.clients, asked.requests):
        load = under_load(asked.spec, bodies, clients, asked.seconds, requests)
        name = f"{clients} clients, {requests} let in"
        print(load_row(name, load, asked.seconds, bare), flush=True)


if __name__ == "__main__":
    main()
