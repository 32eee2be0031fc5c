"""A training run, as its folder tells."""

import json
from dataclasses import dataclass
from pathlib import Path

from seg.runs import RECORD, Run, read_curves, read_run


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
    run = read_run(folder.resolve())
    result = json.loads((folder / RECORD).read_text(encoding="utf-8"))["result"] or {}
    return TrainedRun(run, read_curves(folder), result.get("best_iou", {}))
