"""A worker: one engine that predicts blocks of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import seg
from seg.engine.cluster.remote_images import ImageRef, is_uri, read_image_ref
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.journal.journal_entry import JournalEntry, StripEntries
from seg.engine.jobs.stopping import build_stopping
from seg.engine.pipeline.collectors import LabelStrip, StripResults
from seg.engine.pipeline.prefetch import MAX_AHEAD, PrefetchReader, prefetch_threads_for
from seg.engine.pipeline.timing import Clock
from seg.labels.task import LabelMap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import RuntimeName


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """The job of all workers of a run.

    Attributes:
        spec: with model paths on the machine that started the run.
        runtimes: one for each member. Workers must not choose them, since labels would then depend on the
            worker.
        cores: of one worker.
        memory: the most bytes of one worker.
        version: of `seg`, which must be the same on all machines.
    """

    spec: EnsembleSpec
    runtimes: Sequence[RuntimeName]
    cores: int
    strict: bool = False
    memory: int | None = None
    version: str = seg.__version__


@dataclass(frozen=True, slots=True)
class BlockResult:
    """Packed journal entries of so many images and parts, a line for each unreadable one, passes, seconds."""

    payloads: Sequence[bytes]
    images: int
    failures: Sequence[str]
    passes: int
    seconds: float


class Worker:
    """One engine with all its members loaded."""

    def __init__(self, job: WorkerJob) -> None:
        """Load the ensemble of the job.

        Raises:
            SegError: this machine cannot do the job.
        """
        spec = job.spec
        self._job = job
        self._ensemble = Ensemble.load(spec, memory=job.memory, cores=job.cores, runtimes=job.runtimes)
        self._stopping = build_stopping(spec.stopping, self._ensemble, spec.output.size)

    @property
    def runs_on(self) -> str:
        """The runtimes of the members, each named once."""
        return "; ".join(dict.fromkeys(str(member.runtime.describe()) for member in self._ensemble.members))

    def predict(self, images: Sequence[ImageRef]) -> BlockResult:
        """Predict a block. Images that cannot be read are recorded, and the others predicted."""
        clock, start = Clock(), perf_counter()
        far = any(is_uri(image.place) for image in images)
        sources = {image.id: image.source() for image in images}

        strip_entries = StripEntries(sources.__getitem__)

        def packed(image: ImageRef, labels_hw: LabelMap) -> tuple[bytes, bool]:
            return JournalEntry.of(image.id, sources[image.id], labels_hw).packed(), True

        def packed_strip(image: ImageRef, strip: LabelStrip) -> tuple[bytes, bool]:
            return strip_entries.packed(image.id, strip), strip.is_last

        def rows_of(image: ImageRef, height: int) -> range:
            return range(*(image.rows or (0, height)))

        threads = MAX_AHEAD if far else prefetch_threads_for(self._job.cores)
        reader = PrefetchReader(read_image_ref, clock, self._job.strict, threads)
        finished = self._ensemble.label_all(
            reader.read(images),
            packed,
            grid_hw=self._job.spec.output.size,
            stopping=self._stopping,
            clock=clock,
            on_damaged=reader.note_failure,
            strips=StripResults(rows_of, packed_strip),
        )
        payloads, are_last = [], 0
        for payload, is_last in finished:
            payloads.append(payload)
            are_last += is_last
        return BlockResult(payloads, are_last, reader.failures, clock.passes, perf_counter() - start)
