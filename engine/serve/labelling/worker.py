"""`python -m seg.engine.serve.labelling.worker PIPE`: the engine process.

It has all that computes: the networks, merging, and the encoding of results. It runs at a lower priority
than the HTTP process, so that this one is never kept waiting.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from seg.engine.ensemble import Ensemble
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.base import ImagesNHWC
from seg.engine.serve.labelling.batcher import DynamicBatcher
from seg.engine.serve.labelling.encoding import Encoded, LabelEncoder, encode_json
from seg.engine.serve.labelling.memory import MemoryBudget, divide_memory
from seg.engine.serve.labelling.messages import (
    CancelTask,
    EngineFacts,
    EngineFigures,
    LabellingTask,
    MemberFacts,
    TaskDone,
    TaskFailed,
)
from seg.engine.serve.labelling.page_layers import page_layers
from seg.image_type import fused_image_type
from seg.labels.task import LabelMap
from seg.spec import EnsembleSpec
from seg.stop_signals import ignore_stop_signals

NICENESS: Final = 5
"""Of the engine, and of processes that read bodies."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the engine process is started with.

    Attributes:
        name: what clients call the ensemble.
        memory: bytes of all processes of the server.
        beside: bytes that the other processes hold.
        most_pixels: of an image.
        budget: that of a process before this one, which is kept.
    """

    spec: EnsembleSpec
    name: str
    memory: int
    beside: int
    most_pixels: int
    budget: MemoryBudget | None = None


def main() -> None:
    """Load the ensemble, say so, and label images until the pipe is closed."""
    ignore_stop_signals()
    os.nice(NICENESS)
    pipe = Connection(int(sys.argv[1]))
    options: EngineOptions = pipe.recv()
    try:
        resolved = resolve_ensemble(options.spec)
        ensemble = Ensemble.of(resolved)
        budget = options.budget or divide_memory(
            ensemble, options.memory, options.most_pixels, options.beside
        )
        ensemble = replace(ensemble, tile=budget.tile)
        ensemble.predict(resolved.sample_frames[0].frame_hwc)
    except Exception as error:
        # The server says it, as it would if this were in its own process.
        pipe.send(error)
        return
    with suppress(EOFError, OSError):
        run_engine(pipe, ensemble, options.spec, options.name, budget)
    # What it computes nobody reads any more.
    os._exit(0)


def run_engine(
    pipe: Connection, ensemble: Ensemble, spec: EnsembleSpec, name: str, budget: MemoryBudget
) -> None:
    """Say that the engine is ready, and do tasks until None comes; raises EOFError at the end of the pipe."""
    pipe.send(_engine_facts(ensemble, budget))
    encoder = LabelEncoder(
        ensemble.classes,
        spec.output.rle,
        spec.data.background(ensemble.classes),
        name,
        ensemble.task,
        ensemble.pixel_range,
    )
    worker = _EngineWorker(pipe, ensemble, encoder, budget)
    while (message := pipe.recv()) is not None:
        worker.take(message)
    worker.close()


def _engine_facts(ensemble: Ensemble, budget: MemoryBudget) -> EngineFacts:
    weight = sum(member.weight for member in ensemble.members)
    members = tuple(MemberFacts(one.name, one.weight / weight, tuple(one.views)) for one in ensemble.members)
    return EngineFacts(
        ensemble.notes,
        ensemble.classes,
        ensemble.task,
        members,
        ensemble.passes,
        budget,
        fused_image_type(ensemble.image_types),
        ensemble.pixel_range,
    )


class _EngineWorker:
    def __init__(
        self, pipe: Connection, ensemble: Ensemble, encoder: LabelEncoder, budget: MemoryBudget
    ) -> None:
        self._pipe = pipe
        self._ensemble = ensemble
        self._encoder = encoder
        self._budget = budget
        self._batcher = DynamicBatcher(ensemble, budget.engine_process)
        self._begun: dict[int, list[Future[LabelMap]]] = {}
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="seg-encode")
        self._paging = ThreadPoolExecutor(1, thread_name_prefix="seg-page")
        self._sending = threading.Lock()

    def take(self, message: LabellingTask | CancelTask) -> None:
        if isinstance(message, CancelTask):
            for future in self._begun.get(message.number, ()):
                future.cancel()
            return
        pixels = fused_image_type(self._ensemble.image_types).pixels
        images_nhwc: ImagesNHWC = np.empty(message.shape, dtype=pixels)
        self._pipe.recv_bytes_into(images_nhwc.reshape(-1).view(np.uint8).data)
        if message.result == "page":
            self._paging.submit(self._answer, message, partial(self._page, images_nhwc))
        else:
            self._label(message, images_nhwc)

    def close(self) -> None:
        self._batcher.close()
        self._encoding.shutdown()
        self._paging.shutdown()

    def _label(self, task: LabellingTask, images_nhwc: ImagesNHWC) -> None:
        memory = self._budget.image_bytes((task.shape[1], task.shape[2]))
        futures = [self._batcher.submit(image_hwc, memory) for image_hwc in images_nhwc]
        self._begun[task.number] = futures
        answer = partial(self._answer, task, partial(self._encoded, task, images_nhwc, futures))
        left = threading.Semaphore(len(futures) - 1)

        def one_is_over(_: Future[LabelMap]) -> None:
            if not left.acquire(blocking=False):
                self._encoding.submit(answer)

        for future in futures:
            future.add_done_callback(one_is_over)
        self._send(self._figures())

    def _encoded(
        self, task: LabellingTask, images_nhwc: ImagesNHWC, futures: list[Future[LabelMap]]
    ) -> Encoded:
        labels = [future.result() for future in futures]
        return self._encoder.encode(task.result, task.request_id, images_nhwc[0], labels)

    def _page(self, images_nhwc: ImagesNHWC) -> Encoded:
        return encode_json(page_layers(self._ensemble, images_nhwc[0]))

    def _answer(self, task: LabellingTask, do: Callable[[], Encoded]) -> None:
        try:
            content, headers = do()
        except (Exception, CancelledError) as error:
            self._send(TaskFailed(task.number, f"the engine fails on this image: {error}", self._figures()))
        else:
            self._send(TaskDone(task.number, headers, self._figures()), content)
        finally:
            self._begun.pop(task.number, None)

    def _send(self, message: TaskDone | TaskFailed | EngineFigures, content: bytes | None = None) -> None:
        # Where nobody reads any more, the main thread finds that the pipe is closed.
        with self._sending, suppress(OSError):
            self._pipe.send(message)
            if content is not None:
                self._pipe.send_bytes(content)

    def _figures(self) -> EngineFigures:
        clock = self._batcher.clock
        return EngineFigures(
            self._batcher.waiting, self._batcher.begun, clock.passes, tuple(dict(clock.seconds).items())
        )


if __name__ == "__main__":
    main()
