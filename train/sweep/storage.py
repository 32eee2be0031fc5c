"""The database of a sweep: one that workers share without taking the same trial."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from seg.errors import SpecError
from seg.spec.sweep import SweepSpec

LOCKED_S: Final = 100
"""How long a worker waits for a file that others write, on a machine that is busy with training."""

TRIES: Final = 5
PAUSE_S: Final = 0.5


def open_storage(spec: SweepSpec, heartbeat_s: int) -> optuna.storages.RDBStorage:
    """Open or begin the database; trials that do not tell of themselves for two heartbeats are tried again.

    Raises:
        Exception: one of the database's driver; each has errors of its own.
    """
    # Heartbeats, which tell a dead worker of another machine, are called experimental.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    is_file = spec.url.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": LOCKED_S, "isolation_level": None}}
    for left in reversed(range(TRIES)):
        try:
            storage = optuna.storages.RDBStorage(
                spec.url,
                engine_kwargs=options if is_file else None,
                heartbeat_interval=heartbeat_s,
                heartbeat_stale_trial_callback=_requeue,
            )
            break
        except DBAPIError:
            # Another worker that begins at this moment has made the tables between the look and the making.
            if not left:
                raise
            time.sleep(PAUSE_S)
    if is_file:
        event.listen(storage.engine, "begin", _lock_on_begin)
    return storage


@contextmanager
def damage_as_spec_error(spec: SweepSpec) -> Iterator[None]:
    """Raise SpecError, with the database, where what it holds is no sweep as it was written."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ValueError, KeyError, TypeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise SpecError(
            f"storage: {spec.shown_url} is damaged: {first}: name another, or remove it"
        ) from error


def trial_values(trial: FrozenTrial) -> dict[str, Any]:
    """A trial's values, those among them which were chosen for it and which it has not asked for yet."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _requeue(study: optuna.Study, died: FrozenTrial) -> None:
    """Put a trial back on the list, without the notes of its worker."""
    study.enqueue_trial(trial_values(died))


def _lock_on_begin(connection: Connection) -> None:
    """Begin to write before the first look.

    SQLite has no locks of rows: of two workers that look for a trial nobody runs, both would find the same.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")
