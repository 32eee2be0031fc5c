"""The command `seg ensemble`: from a spec to its submission, by way of the journal."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from seg.data import Sample, Split, open_split
from seg.engine.accumulate import ProbabilitiesCHW
from seg.engine.clock import Clock
from seg.engine.decide import decide
from seg.engine.ensemble import Ensemble
from seg.engine.journal import Entry, Journal
from seg.engine.reading import Reader
from seg.engine.submission import dialect, write_submission
from seg.errors import DataError
from seg.files import sha256_of
from seg.progress import progress
from seg.spec import EnsembleSpec

STAGES = ("decode", "assemble", "network", "accumulate", "finish", "wait")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did; `stages` are seconds of work, which overlap in time."""

    output: Path
    images: int
    images_now: int
    passes: int
    seconds: float
    stages: dict[str, float]
    runtime: str

    def text(self) -> str:
        """A few lines for a terminal."""
        if not self.images_now:
            return f"{self.output}: {self.images} images, all done before"
        rate = self.passes / self.seconds if self.seconds else 0.0
        stages = ", ".join(f"{name} {self.stages[name]:.1f}" for name in STAGES)
        earlier = self.images - self.images_now
        return (
            f"{self.output}: {self.images} images"
            + (f" ({earlier} from an earlier run)" if earlier else "")
            + f"\n{self.passes} passes in {self.seconds:.1f} s, {rate:.1f} passes/s, {self.runtime}"
            + f"\nseconds of work, overlapping: {stages}"
        )


def run_ensemble(spec: EnsembleSpec, *, strict: bool = False, restart: bool = False) -> RunSummary:
    """Predict all images of the spec that its journal does not have, and write the submission.

    Args:
        strict: stop at the first image that cannot be read, not after the others.
        restart: throw away the journal of an earlier run.

    Raises:
        DataError: images could not be read, named a line each. All others are in the journal, and
            the submission is not written.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    ensemble = Ensemble.load(spec)
    split = open_split(spec.data, "predict")
    output = spec.output
    with Journal(output.file, _fingerprint(spec, split), restart=restart) as journal:
        missing = [sample for sample in split.samples if sample.id not in journal.done]
        summary = _predict(ensemble, spec, missing, journal, strict, len(split.samples))
        form = dialect(output.format, ensemble.classes, spec.data.unlabelled)
        ids = [sample.id for sample in split.samples]
        write_submission(output.file, form, ids, journal.read, output.sample)
    return summary


def _predict(
    ensemble: Ensemble,
    spec: EnsembleSpec,
    missing: list[Sample],
    journal: Journal,
    strict: bool,
    total: int,
) -> RunSummary:
    clock = Clock()
    reader = Reader(clock, strict)

    def finish(sample: Sample, merged: ProbabilitiesCHW) -> Entry:
        return Entry(sample.id, decide(merged, spec.output.size))

    start = time.perf_counter()
    with progress("ensemble", total, unit="images", done=total - len(missing)) as advance:
        for entry in ensemble.predict_all(reader.read(missing), finish, clock):
            journal.append(entry)
            advance()
    if reader.failures:
        raise DataError("\n".join([*reader.failures, _advice(reader.failures, spec.output.file)]))
    return RunSummary(
        output=spec.output.file,
        images=total,
        images_now=len(missing),
        passes=len(missing) * sum(len(member.views) for member in ensemble.members),
        seconds=time.perf_counter() - start,
        stages=clock.seconds,
        runtime=ensemble.members[0].runtime.describe(),
    )


def _advice(failures: list[str], output: Path) -> str:
    images = "1 image" if len(failures) == 1 else f"{len(failures)} images"
    return (
        f"{output}: not written: {images} could not be read; the others are kept: mend or remove"
        " them and run the same command again"
    )


def _fingerprint(spec: EnsembleSpec, split: Split) -> str:
    """A hash of all that decides the submission's content."""
    said = {
        "members": [
            (sha256_of(spec.model(member)), member.weight, spec.views_of(member)) for member in spec.members
        ],
        "merge": spec.merge,
        "size": spec.output.size,
        "images": [(sample.id, sample.image.name) for sample in split.samples],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
