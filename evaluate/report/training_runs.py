"""Training runs, read from their folders."""

from dataclasses import dataclass
from pathlib import Path

from seg.runs import Run, read_run, read_run_curves, read_run_record


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """The run's row in the list of runs, its curves, and the IoU of each class at its best epoch."""

    run: Run
    curves: dict[str, list[float]]
    iou: dict[str, float | None]

    @property
    def name(self) -> str:
        return self.run.name


def read_training_run(folder: Path) -> TrainedRun:
    """Read a run; raises DataError if the folder has none."""
    folder = folder.resolve()
    result = read_run_record(folder).result
    return TrainedRun(read_run(folder), read_run_curves(folder), result.best_iou if result else {})
