"""A training run, as its folder tells."""

import json
from dataclasses import dataclass
from pathlib import Path

from seg.errors import DataError
from seg.runs import RECORD, Run, list_runs, read_curves


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """The run's row in the list of runs, its curves, and the IoU of each class at its best epoch."""

    run: Run
    curves: dict[str, list[float]]
    iou: dict[str, float | None]

    @property
    def name(self) -> str:
        return self.run.name


def read_trained(folder: Path) -> TrainedRun:
    """Raises DataError where the folder holds no run."""
    record = folder / RECORD
    if not record.exists():
        raise DataError(f"{folder}: holds no run: name an ensemble's YAML, or folders with a {RECORD}")
    (run,) = (found for found in list_runs(folder) if found.name == folder.name)
    result = json.loads(record.read_text(encoding="utf-8")).get("result") or {}
    return TrainedRun(run, read_curves(folder), result.get("best_iou", {}))
