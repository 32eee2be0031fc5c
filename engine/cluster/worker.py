"""What runs on every machine: one engine, which is given blocks of images and gives label maps back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import seg
from seg.engine.clock import Clock
from seg.engine.cluster.located import Located, is_uri, read_located
from seg.engine.cluster.models import Packed, unpack
from seg.engine.ensemble import Ensemble
from seg.engine.journal import Entry
from seg.engine.reading import MOST_AHEAD, READERS, Reader
from seg.engine.run import calibrated_plan
from seg.engine.stopping import NewJudge, judges
from seg.errors import MissingRuntimeError
from seg.labels import LabelsHW
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers of a run are told.

    Attributes:
        spec: with a runtime that is named; its models are those of the machine that gives the job.
        cores: those that one worker may use.
        version: that of `seg`, which all machines share.
    """

    spec: EnsembleSpec
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
    """One engine. It is made at once, and loads when it is told to."""

    _ensemble: Ensemble
    _new_judge: NewJudge | None

    def __init__(self, job: Job) -> None:
        self._job = job

    def load(self, members: Mapping[str, Sequence[Packed]], *contents: bytes) -> str:
        """Load all members; says on what they run.

        Args:
            members: the files of each member's model, by its name.
            contents: of all of these, in their order.

        Raises:
            SegError: this machine cannot do the job, and why.
        """
        if self._job.version != seg.__version__:
            raise MissingRuntimeError(
                f"--on: a worker has seg {seg.__version__}, and this machine {self._job.version}:"
                " install the same everywhere"
            )
        models = unpack(members, contents)
        running = [one.model_copy(update={"model": models[one.name]}) for one in self._job.spec.running]
        spec = self._job.spec.model_copy(update={"members": tuple(running)})
        self._ensemble = Ensemble.load(spec, memory=self._job.memory, cores=self._job.cores)
        self._new_judge = (
            judges(spec.stopping, self._ensemble.decision(spec.output.size)) if spec.stopping else None
        )
        return "; ".join(dict.fromkeys(str(member.runtime.describe()) for member in self._ensemble.members))

    def predict(self, images: Sequence[Located]) -> BlockResult:
        """Predict a block. An image that cannot be read does not stop the others."""
        clock, start = Clock(), perf_counter()
        far = any(is_uri(image.place) for image in images)
        reader = Reader(read_located, clock, self._job.strict, MOST_AHEAD if far else READERS)
        payloads = self._ensemble.label_all(
            reader.read(images),
            _packed,
            grid_hw=self._job.spec.output.size,
            new_judge=self._new_judge,
            plan=calibrated_plan(self._ensemble, self._job.spec),
            clock=clock,
            damaged=reader.note,
        )
        return BlockResult(list(payloads), reader.failures, clock.passes, perf_counter() - start)


def _packed(image: Located, labels_hw: LabelsHW) -> bytes:
    return Entry(image.id, image.source_bytes, labels_hw).packed()
