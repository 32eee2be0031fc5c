"""From a spec to a server that answers."""

import asyncio
import logging
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from seg.engine.ensemble import Ensemble
from seg.engine.load import probe_frames
from seg.engine.serve.admission import Admission, Limits
from seg.engine.serve.app import Endpoints, build_app
from seg.engine.serve.batcher import DynamicBatcher
from seg.engine.serve.encoding import Style
from seg.engine.serve.metrics import Metrics
from seg.errors import OutputError
from seg.spec import EnsembleSpec


def run_server(
    spec: EnsembleSpec, name: str, host: str, port: int, limits: Limits, say: Callable[[str], None]
) -> None:
    """Answer requests until the process is told to stop; those that are inside then are still answered.

    Args:
        name: what clients call the ensemble.
        port: 0 for any that is free.
        say: called with lines for the user, the last of which has the address, once it answers there.

    Raises:
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    with _listening(host, port) as door:
        ensemble = Ensemble.load(spec)
        for note in ensemble.notes:
            say(note)
        if spec.stopping:
            say("stopping: is for submissions: here every image gets all passes")
        ensemble.predict(probe_frames(spec)[0].frame_hwc)
        with opened(ensemble, spec, name, limits) as endpoints:
            address = f"[{host}]" if ":" in host else host
            say(f"{name}: http://{address}:{door.getsockname()[1]}")
            server_of(endpoints).run(sockets=[door])


def server_of(endpoints: Endpoints) -> uvicorn.Server:
    """A server that lets those finish who are inside when it is told to stop."""
    # Whoever sends what is no form would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    patience = math.ceil(endpoints.limits.seconds)
    return uvicorn.Server(
        uvicorn.Config(
            build_app(endpoints),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=patience,
        )
    )


@contextmanager
def opened(ensemble: Ensemble, spec: EnsembleSpec, name: str, limits: Limits) -> Iterator[Endpoints]:
    """Everything behind the door; the engine works until it is left."""
    batcher = DynamicBatcher(ensemble)
    admission = Admission(limits.requests)
    style = Style(ensemble.classes, spec.output.rle, spec.data.background(ensemble.classes))
    metrics = Metrics(batcher, admission)
    try:
        yield Endpoints(name, ensemble, batcher, style, limits, admission, metrics, asyncio.Lock())
    finally:
        batcher.close()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"--host {host} --port {port}: cannot be listened at: {reason}") from error
    with door:
        yield door
