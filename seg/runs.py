"""The runs in a folder, as their `run.json` tells, and what people noted of them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from seg.errors import DataError
from seg.files import write_text

RECORD: Final = "run.json"
NOTE: Final = "note.json"
METRICS: Final = "metrics.csv"


class Note(BaseModel):
    """What a leaderboard said of a run, and what people say."""

    model_config = ConfigDict(extra="forbid")

    leaderboard: float | None = None
    text: str = ""


class Run(BaseModel):
    """A row of the list of runs. `miou` is the best so far, and None before the first epoch ends."""

    model_config = ConfigDict(frozen=True)

    name: str
    architecture: str
    encoder: str
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
    runs = list(_runs(folder))
    return sorted(runs, key=lambda run: (-(run.miou or -1.0), run.name))


def read_note(run: Path) -> Note:
    """What was noted of a run; raises DataError where the note is damaged."""
    try:
        return Note.model_validate_json((run / NOTE).read_bytes())
    except FileNotFoundError:
        return Note()
    except ValidationError as error:
        raise DataError(f"{run / NOTE}: is no note of a run: remove it") from error


def write_note(run: Path, *, leaderboard: float | None, text: str | None) -> Note:
    """Note what is given beside what was noted before.

    Raises:
        DataError: there is no run in that folder.
    """
    if not (run / RECORD).exists():
        raise DataError(f"{run}: holds no run: name a folder with a {RECORD}")
    before = read_note(run)
    note = Note(
        leaderboard=before.leaderboard if leaderboard is None else leaderboard,
        text=before.text if text is None else text,
    )
    write_text(run / NOTE, note.model_dump_json(indent=2) + "\n")
    return note


def read_curves(run: Path) -> dict[str, list[float]]:
    """The figures of a run's epochs by name, NaN where an epoch lacks one; empty before the first ends.

    Raises:
        DataError: they are no numbers.
    """
    metrics = run / METRICS
    if not metrics.exists():
        return {}
    with metrics.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return {name: [float(row[name] or "nan") for row in rows] for name in (rows[0] if rows else ())}
    except (TypeError, ValueError) as error:
        raise DataError(f"{metrics}: has a figure that is no number: {error}") from error


def read_run(run: Path, folder: Path | None = None) -> Run:
    """The run in one folder, named by its path below `folder`.

    Raises:
        DataError: there is no run, or its record is damaged.
    """
    record = run / RECORD
    if not record.exists():
        raise DataError(f"{run}: holds no run: name a folder with a {RECORD}")
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
        return _run(folder or run, run, said, said["recipe"], said.get("result") or {})
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{record}: is not the record of a run: remove its folder") from error


def _runs(folder: Path) -> Iterator[Run]:
    return (read_run(record.parent, folder) for record in sorted(folder.rglob(RECORD)))


def _run(
    folder: Path, run: Path, said: dict[str, Any], recipe: dict[str, Any], result: dict[str, Any]
) -> Run:
    mious = read_curves(run).get("val_miou", ())
    note = read_note(run)
    return Run(
        name=run.relative_to(folder).as_posix() if run != folder else run.name,
        architecture=recipe["architecture"],
        encoder=recipe["encoder"],
        miou=result.get("best_miou", max(mious, default=None)),
        leaderboard=note.leaderboard,
        loss=_spelled_loss(recipe["loss"]),
        epochs=f"{len(mious)}/{recipe['epochs']}",
        minutes=round(result["seconds"] / 60, 1) if result else None,
        parameters=round(result["parameters"] / 1e6, 2) if result else None,
        gflops=result.get("gflops"),
        state="finished" if result else "cut off",
        note=note.text,
    )


def _spelled_loss(loss: dict[str, Any]) -> str:
    parts = [f"{part['weight'] if isinstance(part, dict) else part:g} {name}" for name, part in loss.items()]
    return " + ".join(part.removeprefix("1 ") for part in parts)
