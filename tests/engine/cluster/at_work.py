"""What processes can be told to do instead of a worker's work; they import it by name."""

import json
import os
import sys
from functools import partial

from seg.engine.cluster.child_process import Pipe, result_or_error
from seg.engine.cluster.worker import Worker, WorkerJob

DEADLY = "5"


def dies_of_one_image(pipe: Pipe, _: str | None, job: WorkerJob) -> None:
    """Work as always, unless an image of that id is among those to predict."""
    worker = Worker(job)
    pipe.send((f"process {os.getpid()}", worker.runs_on))
    while True:
        images = pipe.recv()
        if any(image.id == DEADLY for image in images):
            os._exit(1)
        pipe.send(result_or_error(partial(worker.predict, images)))


def dies_while_it_loads(_: Pipe, __: str | None, ___: WorkerJob) -> None:
    os._exit(3)


def tells_what_it_has(pipe: Pipe, device: str | None, _: WorkerJob) -> None:
    """Say the devices and cores that this process sees, and whether CUDA could have been loaded before."""
    has = {
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "cores": sorted(os.sched_getaffinity(0)),
        "too late": "onnxruntime" in sys.modules,
    }
    pipe.send((f"GPU {device}", json.dumps(has)))
    pipe.recv()
