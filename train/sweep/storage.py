"""The database of a sweep, shared by workers so that no two take the same trial."""

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
from seg.spec.recipe.sweep import SweepSpec

LOCKED_S: Final = 100
"""How long a worker waits for the database file that other workers have locked."""

TRIES: Final = 5
PAUSE_S: Final = 0.5


def open_storage(spec: SweepSpec, heartbeat_s: int) -> optuna.storages.RDBStorage:
    """Open or create the database; trials without a heartbeat for two intervals are enqueued again.

    Raises:
        Exception: an exception of the database's driver.
    """
    # Optuna calls heartbeats experimental; they detect dead workers on other machines.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    is_file = spec.url.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": LOCKED_S, "isolation_level": None}}
    for left in reversed(range(TRIES)):
        try:
            storage = optuna.storages.RDBStorage(
                spec.url,
                engine_kwargs=options if is_file else None,
                heartbeat_interval=heartbeat_s,
                heartbeat_stale_trial_callback=_requeue_trial,
            )
            break
        except DBAPIError:
            # Another worker, started at the same moment, has created the tables.
            if not left:
                raise
            time.sleep(PAUSE_S)
    if is_file:
        event.listen(storage.engine, "begin", _lock_on_begin)
    return storage


@contextmanager
def damage_as_spec_error(spec: SweepSpec) -> Iterator[None]:
    """Raise SpecError, with the database's name, if its content is damaged."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ValueError, KeyError, TypeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise SpecError(
            f"storage: {spec.shown_url} is damaged: {first}: name another, or remove it"
        ) from error


def values_of_trial(trial: FrozenTrial) -> dict[str, Any]:
    """A trial's values, including those that were fixed for it and not suggested yet."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _requeue_trial(study: optuna.Study, died: FrozenTrial) -> None:
    """Enqueue a trial again, without the attributes of its worker."""
    study.enqueue_trial(values_of_trial(died))


def _lock_on_begin(connection: Connection) -> None:
    """Lock the database for writing before the first read.

    SQLite has no row locks: two workers that look for a waiting trial would both find the same.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")
