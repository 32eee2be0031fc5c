"""The command `seg ensemble`: from a spec to its submission, by way of the journal."""

import time
from collections.abc import Sequence
from pathlib import Path

from seg.data import Sample, open_split
from seg.engine.early_exit.deadline import DeadlineSchedule
from seg.engine.early_exit.rules import Stopping
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.deadline_schedule import schedule_for_deadline
from seg.engine.jobs.fingerprint import run_fingerprint
from seg.engine.jobs.journal import Entry, Journal
from seg.engine.jobs.stopping import refuse_other_calibration, stopping_of
from seg.engine.jobs.summary import RunSummary
from seg.engine.passes.passes import Plan
from seg.engine.pipeline.prefetch import Reader, read_sample
from seg.engine.pipeline.timing import Clock
from seg.engine.submissions import open_format
from seg.errors import DataError, SpecError
from seg.labels import LabelsHW
from seg.progress import progress
from seg.spec import EnsembleSpec
from seg.words import counted


def run_ensemble(
    spec: EnsembleSpec,
    *,
    strict: bool = False,
    restart: bool = False,
    memory: int | None = None,
    deadline: float | None = None,
) -> RunSummary:
    """Predict all images of the spec that its journal does not have, and write the submission.

    Args:
        strict: stop at the first image that cannot be read, not after the others.
        restart: throw away the journal of an earlier run.
        memory: the bytes that the run may take; members that do not fit together take turns.
        deadline: the seconds that it may take; passes that there is no time for are dropped, the least
            valuable first.

    Raises:
        DataError: images could not be read, named a line each. All others are in the journal, and
            the submission is not written.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    ends_at = None if deadline is None else time.monotonic() + deadline
    if deadline is not None and spec.stopping:
        raise SpecError("--deadline drops passes and 'stopping' counts on them: leave one of them away")
    if deadline is not None and any(member.class_weights for member in spec.running):
        raise SpecError(
            "--deadline drops passes, and with 'class_weights' none can be missed: leave one away"
        )
    if deadline is not None and spec.merge_at == "decoder":
        raise SpecError("--deadline ranks passes at the size of the image: leave 'merge_at: decoder' away")
    refuse_other_calibration(spec)
    ensemble = Ensemble.load(spec, memory=memory)
    stopping = stopping_of(spec.stopping, ensemble, spec.output.size)
    samples = open_split(spec.data, "predict").samples
    output = spec.output
    places = {sample.id: str(sample.image) for sample in samples}
    form = open_format(output.format, ensemble.classes, spec.data.unlabelled, output.rle, places.__getitem__)
    fingerprint = run_fingerprint(spec, samples, has_deadline=deadline is not None)
    with Journal(output.file, fingerprint, restart=restart) as journal:
        missing = [s for s in samples if not journal.has(s.id, file_size(s.image))]
        rush = None if ends_at is None else schedule_for_deadline(ensemble, spec, len(missing), ends_at)
        summary = _predict(ensemble, stopping, rush, spec, len(samples), missing, journal, strict)
        entries = (journal.read(sample.id, file_size(sample.image)) for sample in samples)
        form.write(output.file, ((entry.id, entry.labels_hw) for entry in entries), output.sample)
    return summary


def _predict(
    ensemble: Ensemble,
    stopping: Stopping | None,
    rush: DeadlineSchedule | None,
    spec: EnsembleSpec,
    images: int,
    missing: Sequence[Sample],
    journal: Journal,
    strict: bool,
) -> RunSummary:
    clock = Clock()
    reader = Reader(read_sample, clock, strict)

    def finish(sample: Sample, labels_hw: LabelsHW) -> bytes:
        with clock.stage("encode"):
            return Entry(sample.id, file_size(sample.image), labels_hw).packed()

    start = time.perf_counter()
    with progress("ensemble", images, unit="images", done=images - len(missing)) as advance:
        for note in ensemble.notes:
            advance(0, line=note)

        def watch(sample: Sample, decided: int, rows: int) -> None:
            advance(0, note=f"{sample.id}: {decided} of {rows} rows" if decided < rows else "")

        payloads = ensemble.label_all(
            reader.read(missing),
            finish,
            grid_hw=spec.output.size,
            stopping=stopping,
            plan=rush.plan if rush else None,
            pace=rush.pace if rush else None,
            clock=clock,
            watch=watch,
            damaged=reader.note,
        )
        for payload in payloads:
            with clock.stage("write"):
                journal.append(payload)
            advance()
    if reader.failures:
        raise DataError("\n".join([*reader.failures, advice(len(reader.failures), spec.output.file)]))
    return RunSummary(
        output=spec.output.file,
        images=images,
        images_now=len(missing),
        passes=clock.passes,
        planned=clock.planned,
        seconds=time.perf_counter() - start,
        stages=clock.seconds,
        streams=ensemble.streams,
        runtimes=tuple(dict.fromkeys(str(member.runtime.describe()) for member in ensemble.members)),
        dropped=clock.dropped,
        dropped_of=_names_of(rush.dropped, ensemble) if rush else (),
    )


def _names_of(passes: Plan, ensemble: Ensemble) -> tuple[str, ...]:
    return tuple(f"{ensemble.members[planned.member].name} {planned.view.name}" for planned in passes)


def advice(failures: int, output: Path) -> str:
    """What to do where so many images could not be read."""
    those = "it" if failures == 1 else "them"
    return (
        f"{output}: not written: {counted(failures, 'image')} could not be read; all others are kept: mend"
        f" {those} and run the same command again; to do without {those}, remove {those} and say --restart"
    )


def file_size(path: Path) -> int:
    """The bytes of a file, or -1 where there is none, which reading it will report."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
