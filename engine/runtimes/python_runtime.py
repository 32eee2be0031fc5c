"""A function as a runtime: for networks that cannot be exported."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.output_contract import OutputContract
from seg.labels.task import Task

PredictFunction = Callable[[ImagesNHWC], Any]
"""From RGB images, uint8 `[N, H, W, 3]`, to probabilities `[N, C, H, W]`: an array or a CPU tensor."""


class PythonRuntime(Runtime):
    """Calls a function for each batch, one call at a time, since it may not be thread-safe."""

    def __init__(
        self, function: PredictFunction, name: str, classes: int, streams: Streams, task: Task = "multiclass"
    ) -> None:
        self._function = function
        self._turn = threading.Lock()
        self._info = RuntimeInfo(
            name="python", library="Python", device="CPU", streams=streams, whole_batches=False
        )
        self.contract = OutputContract(Path(name), classes, task=task)

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        with self._turn:
            returned = self._function(images_nhwc)
        return np.array(returned, dtype=np.float32)

    def placement(self, _: ImagesNHWC) -> Placement:
        return Placement({"Python": 1})

    def describe(self) -> RuntimeInfo:
        return self._info
