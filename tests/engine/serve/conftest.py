"""A server on a port of its own, whose engine can be held and can be made to fail."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
import pytest

from seg.engine.ensemble import Ensemble
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo
from seg.engine.serve.http.admission import Limits
from seg.engine.serve.labelling.engine import Engine, EngineProcess, wait_for_engine
from seg.engine.serve.labelling.memory import MemoryBudget, divide_memory
from seg.engine.serve.labelling.worker import run_engine
from seg.engine.serve.run import open_endpoints, server_of_endpoints
from seg.labels.label_map import ImageHWC
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import MakeModel, write_project

POISON = 251
"""An image that begins with this value makes the engine fail."""

PATIENCE_S = 30

MEMORY = 16 * 10**9
"""What a server may take: enough, whatever else this process and this machine hold."""


@dataclass
class Gate:
    """Holds every batch while it is shut, and remembers how many images each had; fails on some."""

    is_open: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    failure: Exception = field(default_factory=lambda: RuntimeError("out of\nmemory"))


class Gated(Runtime):
    def __init__(self, inner: Runtime, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        self._gate.batches.append(len(images_nhwc))
        self._gate.entered.release()
        assert self._gate.is_open.wait(PATIENCE_S)
        if (images_nhwc == POISON).all(axis=(1, 2, 3)).any():
            raise self._gate.failure
        return self._inner.run(images_nhwc)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        info = self._inner.describe()
        return replace(info, streams=replace(info.streams, count=1))


def behind(gate: Gate, ensemble: Ensemble) -> Ensemble:
    members = tuple(replace(one, runtime=Gated(one.runtime, gate)) for one in ensemble.members)
    return replace(ensemble, members=members)


def some_image(seed: int, size_hw: tuple[int, int] = (9, 12)) -> ImageHWC:
    return np.random.default_rng(seed).integers(0, 250, (*size_hw, 3), dtype=np.uint8)


def engine_in_a_thread(ensemble: Ensemble, spec: EnsembleSpec, memory: MemoryBudget) -> Engine:
    """What the engine process runs, in a thread, where a gate can hold it."""

    def start() -> EngineProcess:
        ours, theirs = Pipe()
        thread = threading.Thread(target=run, args=(theirs,))
        thread.start()

        def end() -> None:
            ours.send(None)
            thread.join()

        return EngineProcess(ours, wait_for_engine(ours), end)

    def run(pipe: Connection) -> None:
        with pipe:
            run_engine(pipe, ensemble, spec, "team", memory)

    return Engine(start(), start)


@contextmanager
def serving(
    spec: Path,
    gate: Gate | None = None,
    free: int | None = None,
    memory: int = MEMORY,
    maps: Path | None = None,
    **limits: float,
) -> Iterator[str]:
    """The address of a server for a spec, named `team`; with `free` bytes for all its requests."""
    loaded = load_ensemble(spec)
    ensemble = Ensemble.load(loaded)
    asked = Limits(**limits)  # type: ignore[arg-type]
    planned = divide_memory(ensemble, memory, asked.pixels, 0)
    planned = replace(planned, requests=free or planned.requests)
    ensemble = replace(behind(gate, ensemble) if gate else ensemble, tile=planned.tile)
    with (
        open_endpoints(
            engine_in_a_thread(ensemble, loaded, planned), loaded, "team", asked, maps
        ) as endpoints,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        server = server_of_endpoints(endpoints)
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            if gate:
                gate.is_open.set()
            server.should_exit = True
            thread.join()


@pytest.fixture
def gate() -> Gate:
    gate = Gate()
    gate.is_open.set()
    return gate


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> Iterator[str]:
    """A server for all tests of a module; its project equals that of `project`."""
    with serving(write_project(tmp_path_factory.mktemp("project"), make_model)) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
        yield client
