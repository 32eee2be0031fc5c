"""From a spec to a server that answers."""

import asyncio
import logging
import math
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

import uvicorn

from seg.engine.ensemble import Ensemble
from seg.engine.load import sample_frames
from seg.engine.serve.admission import Admission, Limits
from seg.engine.serve.app import FORM_BYTES, Endpoints, build_app
from seg.engine.serve.batcher import DynamicBatcher
from seg.engine.serve.body_process import BodyReader
from seg.engine.serve.connections import ACCEPTED_AT_ONCE, WAITING, BoundedProtocol, Connections
from seg.engine.serve.encoding import Encoder
from seg.engine.serve.memory import MemoryPlan, default_memory, measure, plan_memory
from seg.engine.serve.metrics import Metrics
from seg.errors import OutputError
from seg.spec import EnsembleSpec

OTHER_FILES: Final = 256
"""What the process opens beside connections: models, libraries, pipes."""

SWITCH_S: Final = 0.0005
"""When a thread of the engine that runs Python lets that of the clients run; by default after 5 ms."""


def run_server(
    spec: EnsembleSpec, name: str, host: str, port: int, limits: Limits, say: Callable[[str], None]
) -> None:
    """Answer requests until the process is told to stop; those that are worked on then are still answered.

    Args:
        name: what clients call the ensemble.
        port: 0 for any that is free.
        say: called with lines for the user, the last of which has the address, once it answers there.

    Raises:
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    limits = replace(limits, connections=min(limits.connections, _allow_files(limits.connections)))
    sys.setswitchinterval(SWITCH_S)
    with _listening(host, port) as listener:
        ensemble = Ensemble.load(spec)
        for note in ensemble.notes:
            say(note)
        if spec.stopping:
            say("stopping: is for submissions: here every image gets all passes")
        memory = plan(ensemble, limits)
        ensemble = replace(ensemble, tile=memory.tile)
        ensemble.predict(sample_frames(spec)[0].frame_hwc)
        say(memory.line())
        with opened(ensemble, spec, name, limits, memory) as endpoints:
            address = f"[{host}]" if ":" in host else host
            say(f"{name}: http://{address}:{listener.getsockname()[1]}")
            server_of(endpoints).run(sockets=[listener])


def plan(ensemble: Ensemble, limits: Limits) -> MemoryPlan:
    """Measure what the models take, and share the memory out; raises SpecError if it is too little."""
    memory = default_memory() if limits.memory is None else limits.memory
    return plan_memory(ensemble, measure(ensemble), memory, limits.pixels, most_bytes(limits))


def most_bytes(limits: Limits) -> int:
    """Of the body of any request."""
    return max(limits.upload, 3 * limits.pixels) + FORM_BYTES


def server_of(endpoints: Endpoints) -> uvicorn.Server:
    """A server that finishes the requests it works on when it is told to stop."""
    # Clients that send nonsense would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return _Server(
        uvicorn.Config(
            build_app(endpoints),
            http=partial(BoundedProtocol, Connections(endpoints.limits)),  # type: ignore[arg-type]
            ws="none",
            backlog=ACCEPTED_AT_ONCE,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=math.ceil(endpoints.limits.seconds),
        )
    )


class _Server(uvicorn.Server):
    """Lets many connections wait, and accepts few at once; asyncio has one number for both."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(WAITING)


@contextmanager
def opened(
    ensemble: Ensemble, spec: EnsembleSpec, name: str, limits: Limits, memory: MemoryPlan
) -> Iterator[Endpoints]:
    """Endpoints of a loaded ensemble; engine and body processes run until the context is left."""
    bodies = BodyReader(memory.most_pixels, most_bytes(limits))
    batcher = DynamicBatcher(ensemble, memory.process)
    admission = Admission(limits.requests, memory.requests)
    encoder = Encoder(ensemble.classes, spec.output.rle, spec.data.background(ensemble.classes))
    metrics = Metrics(batcher, admission)
    try:
        yield Endpoints(
            name, ensemble, batcher, encoder, limits, memory, admission, bodies, metrics, asyncio.Lock()
        )
    finally:
        batcher.close()
        bodies.close()


def _allow_files(connections: int) -> int:
    """Let this process open as many files as it needs for connections; gives how many these may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < connections + OTHER_FILES:
        wanted = connections + OTHER_FILES
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, soft - OTHER_FILES)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"--host {host} --port {port}: cannot be listened at: {reason}") from error
    with listener:
        yield listener
