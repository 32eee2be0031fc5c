"""What every worker is: one engine, which is given blocks of images and gives label maps back."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import seg
from seg.engine.cluster.remote_images import ImageRef, is_uri, read_image_ref
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.journal import Entry
from seg.engine.jobs.stopping import build_stopping
from seg.engine.pipeline.prefetch import MOST_AHEAD, Reader, readers_for
from seg.engine.pipeline.timing import Clock
from seg.labels import LabelsHW
from seg.spec import EnsembleSpec
from seg.spec.prediction import RuntimeName


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers of a run are told.

    Attributes:
        spec: its models are those of the machine that gives the job.
        runtimes: one for each member: workers that choose for themselves may choose differently, and labels
            would then depend on who made them.
        cores: how many one worker may use.
        memory: the bytes that one worker may take.
        version: that of `seg`, which all machines share.
    """

    spec: EnsembleSpec
    runtimes: Sequence[RuntimeName]
    cores: int
    strict: bool = False
    memory: int | None = None
    version: str = seg.__version__


@dataclass(frozen=True, slots=True)
class BlockResult:
    """Packed journal entries, a line for each image that could not be read, and what it took."""

    payloads: Sequence[bytes]
    failures: Sequence[str]
    passes: int
    seconds: float


class Worker:
    """One engine with all its members loaded."""

    def __init__(self, job: Job) -> None:
        """Load what the job names.

        Raises:
            SegError: this machine cannot do the job, and why.
        """
        spec = job.spec
        self._job = job
        self._ensemble = Ensemble.load(spec, memory=job.memory, cores=job.cores, runtimes=job.runtimes)
        self._stopping = build_stopping(spec.stopping, self._ensemble, spec.output.size)

    @property
    def runs_on(self) -> str:
        """What runs the members, each named once."""
        return "; ".join(dict.fromkeys(str(member.runtime.describe()) for member in self._ensemble.members))

    def predict(self, images: Sequence[ImageRef]) -> BlockResult:
        """Predict a block. An image that cannot be read does not stop the others."""
        clock, start = Clock(), perf_counter()
        far = any(is_uri(image.place) for image in images)
        sources = {image.id: image.source() for image in images}

        def packed(image: ImageRef, labels_hw: LabelsHW) -> bytes:
            return Entry.of(image.id, sources[image.id], labels_hw).packed()

        threads = MOST_AHEAD if far else readers_for(self._job.cores)
        reader = Reader(read_image_ref, clock, self._job.strict, threads)
        payloads = self._ensemble.label_all(
            reader.read(images),
            packed,
            grid_hw=self._job.spec.output.size,
            stopping=self._stopping,
            clock=clock,
            on_damaged=reader.note_failure,
        )
        return BlockResult(list(payloads), reader.failures, clock.passes, perf_counter() - start)
