"""The command `seg ensemble`: predict a spec's images into a journal, and write the submission."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from seg.data import Sample
from seg.data.images.image_header import image_size
from seg.data.images.read_sample import open_sample, size_of_sample
from seg.engine.early_exit.deadline import DeadlineSchedule
from seg.engine.early_exit.rules import Stopping
from seg.engine.ensemble import Ensemble
from seg.engine.image_source import ImageSource
from seg.engine.jobs.deadline_schedule import schedule_for_deadline
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.journal.journal_entry import JournalEntry, StripEntries
from seg.engine.jobs.journal.journalled_run import JournalledRun, RunImage
from seg.engine.jobs.stopping import build_stopping, check_stopping_calibration
from seg.engine.jobs.summary import RunSummary
from seg.engine.passes.passes import PassOrder
from seg.engine.pipeline.collectors import LabelStrip, StripResults
from seg.engine.pipeline.prefetch import PrefetchReader
from seg.engine.pipeline.timing import Clock
from seg.engine.resolved import resolve_ensemble
from seg.errors import DataError
from seg.labels.task import LabelMap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.compatibility import refuse_exclusions
from seg.terminal.progress import progress
from seg.terminal.words import pluralise

_HEADER_BYTES: Final = 2**16


def run_ensemble(
    spec: EnsembleSpec,
    *,
    strict: bool = False,
    restart: bool = False,
    memory: int | None = None,
    deadline: float | None = None,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
) -> RunSummary:
    """Predict all images of the spec that are not in its journal, and write the submission.

    Args:
        strict: stop at the first image that cannot be read, not after the others.
        restart: delete the journal of an earlier run.
        memory: the most bytes that the run may use; members that do not fit together take turns.
        deadline: the most seconds that it may take; passes that there is no time for are dropped, the least
            valuable first.
        overwrite: also replace an output that seg did not write.
        reads: further files that must not be overwritten, such as the spec itself.

    Raises:
        DataError: images could not be read, with a line for each. All others are in the journal, and the
            submission is not written.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that names the fix.
    """
    ends_at = None if deadline is None else time.monotonic() + deadline
    if deadline is not None:
        refuse_exclusions(spec, "--deadline")
    resolved = resolve_ensemble(spec)
    check_stopping_calibration(resolved)
    sources = {one.id: ImageSource.at(one.image, one.stack) for one in resolved.samples}
    images = [RunImage(one, one, str(one.image), sources[one.id]) for one in resolved.samples]
    read = [sample.image for sample in resolved.samples]
    run = JournalledRun.prepare(resolved, images, overwrite=overwrite, reads=(*read, *reads))
    ensemble = Ensemble.of(resolved, memory=memory)
    stopping = build_stopping(spec.stopping, ensemble, spec.output.size)

    def predict(journal: Journal, missing: Sequence[Sample]) -> RunSummary:
        schedule = (
            None
            if ends_at is None
            else schedule_for_deadline(ensemble, resolved.sample_frames, len(missing), ends_at)
        )
        return _predict_missing_images(
            ensemble, stopping, schedule, spec, len(images), missing, sources, journal, strict
        )

    size_of = _label_map_sizes_of(resolved.samples, spec.output.size)
    return run.complete(predict, restart=restart, size_of=size_of, has_deadline=deadline is not None)


def _predict_missing_images(
    ensemble: Ensemble,
    stopping: Stopping | None,
    schedule: DeadlineSchedule | None,
    spec: EnsembleSpec,
    images: int,
    missing: Sequence[Sample],
    sources: Mapping[str, ImageSource],
    journal: Journal,
    strict: bool,
) -> RunSummary:
    clock = Clock()
    reader = PrefetchReader(open_sample, clock, strict)

    def finish(sample: Sample, labels_hw: LabelMap) -> tuple[bytes, bool]:
        with clock.stage("encode"):
            return JournalEntry.of(sample.id, sources[sample.id], labels_hw).packed(), True

    strip_entries = StripEntries(sources.__getitem__)

    def finish_strip(sample: Sample, strip: LabelStrip) -> tuple[bytes, bool]:
        with clock.stage("encode"):
            return strip_entries.packed(sample.id, strip), strip.is_last

    def missing_rows(sample: Sample, height: int) -> range:
        return range(journal.rows_done(sample.id, sources[sample.id]), height)

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
            pass_order=schedule.pass_order if schedule else None,
            budget=schedule.budget if schedule else None,
            clock=clock,
            watch=watch,
            on_damaged=reader.note_failure,
            strips=StripResults(missing_rows, finish_strip),
        )
        for payload, is_last in payloads:
            with clock.stage("write"):
                journal.append(payload)
            if is_last:
                advance()
    if reader.failures:
        raise DataError(
            "\n".join([*reader.failures, unreadable_images_advice(len(reader.failures), spec.output.file)])
        )
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
        dropped_of=_names_of_passes(schedule.dropped, ensemble) if schedule else (),
        plain=clock.plain,
        tiles=clock.tiles,
    )


def _label_map_sizes_of(
    samples: Sequence[Sample], grid_hw: tuple[int, int] | None
) -> Callable[[str], tuple[int, int] | None]:
    """The size of an image's label map by the image's id; None if its header does not tell."""
    sample_of = {sample.id: sample for sample in samples}

    def size_of(image_id: str) -> tuple[int, int] | None:
        if grid_hw is not None or image_id not in sample_of:
            return grid_hw
        sample = sample_of[image_id]
        try:
            if sample.scale is not None:
                return size_of_sample(sample)
            with sample.image.open("rb") as file:
                return image_size(file.read(_HEADER_BYTES))
        except (DataError, OSError, ValueError):
            return None

    return size_of


def _names_of_passes(passes: PassOrder, ensemble: Ensemble) -> tuple[str, ...]:
    return tuple(f"{ensemble.members[planned.member].name} {planned.view.name}" for planned in passes)


def unreadable_images_advice(failures: int, output: Path) -> str:
    """The fix in a message on images that could not be read."""
    those = "it" if failures == 1 else "them"
    return (
        f"{output}: not written: {pluralise(failures, 'image')} could not be read; all others are kept:"
        f" repair {those} and run the same command again; or remove {those} and run it with --restart"
    )
