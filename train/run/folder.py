"""The folder of a training run: its files, its lock, and whether it matches the recipe.

runs/<member>/
    run.json             recipe, dataset, versions; time and metrics once the run is finished
    metrics.csv          one line per epoch
    held_out.csv         the ids of the images of the held-out fold
    curves.png           the metrics as a chart, of a finished run
    best.safetensors     the best epoch so far, during training
    last.ckpt            the state for resuming, during training
    model.safetensors    the best epoch of a finished run, with the model card inside
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from seg.data import Sample
from seg.errors import OutputError, SpecError
from seg.files.atomic import remove_all_leftovers, write_text
from seg.runs import HELD_OUT
from seg.train.run.record import RunRecord, TrainingResult, difference_of_runs, read_run_record

Row = Mapping[str, float | None]
"""One line of `metrics.csv`, by column."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one member's run."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def held_out(self) -> Path:
        return self.path / HELD_OUT

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.ckpt"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other training processes; raises OutputError if one has locked it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"{self.path}: another run is training this member: wait for it, or rename the member"
            ) from error
        try:
            remove_all_leftovers(self.path)
            yield
        finally:
            lock.release()

    def begin(self, wanted: RunRecord, *, retrain: bool) -> TrainingResult | None:
        """Prepare the folder for a run; returns the result if the same run is already finished.

        Raises:
            SpecError: the folder holds a run of another recipe or dataset.
            ModelError: its `run.json` is damaged.
            OutputError: the folder has files with these names that no run has written.
        """
        if retrain:
            self._clear()
        self.refuse_foreign()
        found = read_run_record(self.record)
        if found is not None and self._has_run:
            if changed := difference_of_runs(found, wanted):
                raise SpecError(f"{self.path}: {changed}: rename the member, or pass --retrain")
            if found.result is not None and self.model.exists():
                self.remove_resume_state()
                return found.result
        self.write_record(wanted)
        return None

    def refuse_foreign(self) -> None:
        """Raise OutputError if a file would be replaced that no run has written."""
        file = next((file for file in self._files if file.exists()), None)
        if file is not None and not self.record.exists():
            raise OutputError(
                f"{file}: was not written by seg, whose runs have a {self.record.name}: rename the member or"
                " the soup, or pass --retrain, which removes it"
            )

    def finish(self, record: RunRecord) -> None:
        """Give the best weights their final name.

        The record is written first and the state for resuming is removed last. After a kill in between, the
        next run finds all epochs done and finishes again.
        """
        self.write_record(record)
        self.publish_best()
        self.remove_resume_state()

    def write_record(self, record: RunRecord) -> None:
        write_text(self.record, record.model_dump_json(indent=2) + "\n")

    def write_metrics(self, rows: Sequence[Row]) -> None:
        """Rewrite `metrics.csv` with one line per epoch; None becomes an empty cell."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([_metrics_cell(value) for value in row.values()] for row in rows)
        write_text(self.metrics, text.getvalue())

    def write_held_out(self, samples: Sequence[Sample]) -> None:
        """Write the ids of the held-out images of the training split."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([["image"], *([sample.id] for sample in samples)])
        write_text(self.held_out, text.getvalue())

    def publish_best(self) -> None:
        self.best.replace(self.model)

    def remove_resume_state(self) -> None:
        self.last.unlink(missing_ok=True)

    @property
    def _has_run(self) -> bool:
        return self.model.exists() or self.last.exists()

    @property
    def _files(self) -> tuple[Path, ...]:
        return self.metrics, self.held_out, self.curves, self.best, self.last, self.model

    def _clear(self) -> None:
        # The record is removed last: after a kill in between, the other files are still known to be ours.
        for file in (*self._files, self.record):
            file.unlink(missing_ok=True)


def _metrics_cell(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"
