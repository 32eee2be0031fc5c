"""List the runs in a folder from their `run.json`, with metrics, learning curves and notes."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seg.errors import DataError
from seg.files.atomic import regular_file, write_text
from seg.spec.ensemble.metric import MIOU, metric_title

RECORD: Final = "run.json"
NOTE: Final = "note.json"
METRICS: Final = "metrics.csv"
HELD_OUT: Final = "held_out.csv"

Finite = Annotated[float, Field(allow_inf_nan=False)]


class RunNote(BaseModel):
    """A run's leaderboard score and a free text."""

    model_config = ConfigDict(extra="forbid")

    leaderboard: Finite | None = None
    text: str = ""


class LossPart(BaseModel):
    """A loss of a recipe that has more settings than its weight."""

    weight: Finite


class Recipe(BaseModel):
    """What the list shows of a run's recipe."""

    architecture: str
    encoder: str
    epochs: int = Field(ge=0, le=10**9)
    loss: dict[str, Finite | LossPart]


class RunResult(BaseModel):
    """What the list and the report show of a finished run."""

    best_miou: Finite
    best_score: Finite | None = None
    best_iou: dict[str, Finite | None] = {}
    seconds: Finite
    parameters: int = Field(ge=0, le=10**15)
    gflops: Finite | None = None


class JudgedBy(BaseModel):
    """The metric of a run, if it is not mIoU."""

    name: str


class RunRecord(BaseModel):
    """A `run.json`, as far as it is shown."""

    recipe: Recipe
    metric: JudgedBy | None = None
    result: RunResult | None = None


class Run(BaseModel):
    """A row of the list of runs.

    `score` is that of the best epoch so far by the run's metric, and `miou` its mIoU; None before the first
    epoch ends.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    architecture: str
    encoder: str
    metric: str = MIOU.title
    score: float | None = None
    miou: float | None = None
    leaderboard: float | None = None
    loss: str
    epochs: str
    minutes: float | None = None
    parameters: float | None = None
    gflops: float | None = None
    state: str
    note: str = ""


def list_runs(folder: Path) -> list[Run]:
    """All runs below a folder, the best first.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of runs: train first, or name another")
    runs = list(_runs_below(folder))
    return sorted(runs, key=lambda run: (-(run.score or -1.0), run.name))


def read_run_note(run: Path) -> RunNote:
    """The note of a run, empty if there is none; raises DataError if it is damaged."""
    try:
        return RunNote.model_validate_json(regular_file(run / NOTE).read_bytes())
    except FileNotFoundError:
        return RunNote()
    except ValidationError as error:
        raise DataError(f"{run / NOTE}: is not a note of a run: remove it") from error


def write_run_note(run: Path, *, leaderboard: float | None, text: str | None) -> RunNote:
    """Update a run's note; None keeps a value.

    Raises:
        DataError: there is no run in that folder.
    """
    if not (run / RECORD).exists():
        raise DataError(f"{run}: holds no run: name a folder with a {RECORD}")
    before = read_run_note(run)
    note = RunNote(
        leaderboard=before.leaderboard if leaderboard is None else leaderboard,
        text=before.text if text is None else text,
    )
    write_text(run / NOTE, note.model_dump_json(indent=2) + "\n")
    return note


def read_run_curves(run: Path) -> dict[str, list[float]]:
    """The metrics of a run's epochs by name, NaN for missing ones; empty before the first epoch ends.

    Raises:
        DataError: the file is not a table of numbers.
    """
    metrics = run / METRICS
    try:
        with regular_file(metrics).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name] or "nan") for row in rows] for name in (rows[0] if rows else ())}
    except FileNotFoundError:
        return {}
    except (TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{metrics}: is not a table of numbers: {error}") from error


def read_held_out(run: Path) -> frozenset[str]:
    """The ids of the training images that a run held out.

    Raises:
        DataError: the run has no fold, or its list is damaged.
    """
    listed = run / HELD_OUT
    try:
        with regular_file(listed).open(encoding="utf-8", newline="") as file:
            return frozenset(row["image"] for row in csv.DictReader(file))
    except FileNotFoundError as error:
        raise DataError(f"{run}: does not tell which images it held out: train it with 'fold'") from error
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{listed}: is not a list of images: train again with --retrain") from error


def read_run(run: Path, folder: Path | None = None) -> Run:
    """The run in one folder, named by its path below `folder`.

    Raises:
        DataError: there is no run, or its record is damaged.
    """
    return _run_of_record(folder or run, run, read_run_record(run))


def read_run_record(run: Path) -> RunRecord:
    """The record of a run; raises DataError if it is damaged, or there is no run."""
    file = run / RECORD
    try:
        return RunRecord.model_validate_json(regular_file(file).read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{run}: holds no run: name a folder with a {RECORD}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{file}: is not the record of a run: {place or 'JSON'}: {first['msg']}: remove its folder"
        ) from error


def _runs_below(folder: Path) -> Iterator[Run]:
    return (read_run(record.parent, folder) for record in sorted(folder.rglob(RECORD)))


def _run_of_record(folder: Path, run: Path, record: RunRecord) -> Run:
    epochs = _scores_of_epochs(read_run_curves(run))
    score, miou = max(epochs, default=(None, None))
    note, recipe, result = read_run_note(run), record.recipe, record.result
    if result:
        miou = result.best_miou
        score = miou if result.best_score is None else result.best_score
    return Run(
        name=run.relative_to(folder).as_posix() if run != folder else run.name,
        architecture=recipe.architecture,
        encoder=recipe.encoder,
        metric=metric_title(record.metric.name if record.metric else MIOU.name),
        score=score,
        miou=miou,
        leaderboard=note.leaderboard,
        loss=_loss_of_run_as_text(recipe.loss),
        epochs=f"{len(epochs)}/{recipe.epochs}",
        minutes=round(result.seconds / 60, 1) if result else None,
        parameters=round(result.parameters / 1e6, 2) if result else None,
        gflops=result.gflops if result else None,
        state="finished" if result else "cut off",
        note=note.text,
    )


def _scores_of_epochs(curves: Mapping[str, Sequence[float]]) -> list[tuple[float, float]]:
    """The score and the mIoU of each epoch that has one; the score is the mIoU where no other is kept."""
    mious = curves.get("val_miou", ())
    scores = curves.get("val_metric", mious)
    both = zip(scores, mious, strict=True)
    return [(score, miou) for score, miou in both if math.isfinite(miou) and math.isfinite(score)]


def _loss_of_run_as_text(loss: Mapping[str, float | LossPart]) -> str:
    weights = {name: part.weight if isinstance(part, LossPart) else part for name, part in loss.items()}
    return " + ".join(f"{weight:g} {name}".removeprefix("1 ") for name, weight in weights.items())
