"""Run `seg serve`: start the engine process, listen, and shut down."""

import asyncio
import logging
import math
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from seg.engine.runtimes.profiling import can_measure_memory, resident_bytes
from seg.engine.serve.app import FORM_BYTES, Endpoints, build_app
from seg.engine.serve.bodies.process import PROCESS_BYTES, PROCESSES, BodyReader
from seg.engine.serve.http.admission import Admission, Limits
from seg.engine.serve.http.connections import ACCEPTED_AT_ONCE, WAITING, BoundedProtocol, Connections
from seg.engine.serve.http.metrics import Metrics
from seg.engine.serve.labelling.engine import Engine, EngineProcess
from seg.engine.serve.labelling.memory import default_server_memory
from seg.engine.serve.labelling.worker import EngineOptions
from seg.errors import OutputError
from seg.image_type import RGB8, ImageType
from seg.spec import EnsembleSpec
from seg.stop_signals import STOP_SIGNALS, kept_signal_handlers, set_signal_handlers

OTHER_FILES: Final = 256
"""What the process opens beside connections: models, libraries, pipes."""


def run_server(
    spec: EnsembleSpec,
    name: str,
    host: str,
    port: int,
    limits: Limits,
    say: Callable[[str], None],
    maps: Path | None = None,
) -> None:
    """Answer requests until the process is told to stop; those that are worked on then are still answered.

    Args:
        name: what clients call the ensemble.
        port: 0 for any that is free.
        maps: a folder of zoomable maps to show, too.
        say: called with lines for the user, the last of which has the address, once it answers there.

    Raises:
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    limits = replace(limits, connections=min(limits.connections, _allow_open_files(limits.connections)))
    with _open_listener(host, port) as listener:
        options = EngineOptions(spec, name, _server_memory(limits), _bytes_beside_engine(), limits.pixels)
        process = EngineProcess.start(options)
        for note in process.facts.notes:
            say(note)
        if spec.stopping:
            say("stopping: is for submissions: here every image gets all passes")
        say(process.facts.memory.line())
        again = replace(options, budget=process.facts.memory)
        engine = Engine(process, partial(EngineProcess.start, again))
        with open_endpoints(engine, spec, name, limits, maps) as endpoints:
            address = f"[{host}]" if ":" in host else host
            say(f"{name}: http://{address}:{listener.getsockname()[1]}")
            server_of_endpoints(endpoints).run(sockets=[listener])


def _server_memory(limits: Limits) -> int:
    return default_server_memory() if limits.memory is None else limits.memory


def _bytes_beside_engine() -> int:
    """What the processes beside the engine's hold before the first request comes, in bytes."""
    return PROCESSES * PROCESS_BYTES + (resident_bytes() if can_measure_memory() else 0)


def most_body_bytes(limits: Limits, image_type: ImageType = RGB8) -> int:
    """Of the body of any request."""
    return max(limits.upload, image_type.bytes_a_pixel * limits.pixels) + FORM_BYTES


def server_of_endpoints(endpoints: Endpoints) -> uvicorn.Server:
    """A server that finishes the requests it works on when it is told to stop."""
    # Clients that send nonsense would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return _PatientServer(
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


class _PatientServer(uvicorn.Server):
    """Lets many connections wait, and accepts few at once; asyncio has one number for both.

    All stop signals let it finish the requests it works on.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Of these, uvicorn does not know SIGHUP.
        with super().capture_signals(), kept_signal_handlers():
            heard = [one for one in STOP_SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
            set_signal_handlers(dict.fromkeys(heard, self.handle_exit))
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(WAITING)


@contextmanager
def open_endpoints(
    engine: Engine, spec: EnsembleSpec, name: str, limits: Limits, maps: Path | None = None
) -> Iterator[Endpoints]:
    """Endpoints of an engine, which runs with the body processes until the context is left."""
    memory = engine.facts.memory
    image_type = engine.facts.image_type
    bodies = BodyReader(memory.most_pixels, most_body_bytes(limits, image_type), image_type)
    admission = Admission(limits.requests, memory.requests)
    clear = spec.data.background(engine.facts.classes)
    metrics = Metrics(lambda: engine.figures, admission)
    try:
        yield Endpoints(name, engine, clear, limits, memory, admission, bodies, metrics, asyncio.Lock(), maps)
    finally:
        engine.close()
        bodies.close()


def _allow_open_files(connections: int) -> int:
    """Let this process open as many files as it needs for connections; gives how many these may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < connections + OTHER_FILES:
        wanted = connections + OTHER_FILES
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, soft - OTHER_FILES)


@contextmanager
def _open_listener(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, TypeError, UnicodeError) as error:  # The latter for names that no host can have.
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"--host {host} --port {port}: cannot be listened at: {reason}") from error
    with listener:
        yield listener
