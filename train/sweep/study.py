"""A sweep as an Optuna study: enqueue, train, prune and requeue trials, by any number of workers.

The database is the only thing that workers share. A trial whose worker died is enqueued again with the same
values, and resumes from its run folder.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from seg.distribution import install_advice
from seg.errors import SegError, SpecError
from seg.spec.recipe.sweep import RangeSpec, SweepSpec
from seg.train.metrics.epoch_metrics import EpochMetrics
from seg.train.sweep.storage import damage_as_spec_error, open_storage, values_of_trial
from seg.train.sweep.trials import TrialResult, decode_setting, single_member_ensemble, trial_name
from seg.train.trainer import train_member

STUDY: Final = "sweep"
HEARTBEAT_S: Final = 60
POLL_S: Final = 0.5

OnTrial = Callable[[TrialResult], None]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep, to run by any number of workers, or to list its trials."""

    spec: SweepSpec
    study: optuna.Study

    def run(self, on_trial: OnTrial) -> None:
        """Run trials until none is left; `on_trial` is called for every trial that ends in this process."""

        def report(_: optuna.Study, trial: FrozenTrial) -> None:
            if not _is_duplicate_trial(trial):
                on_trial(self._outcome(trial))

        with damage_as_spec_error(self.spec):
            self._requeue_dead_trials()
            self._enqueue_grid()
        while self._has_more() or self._requeues_dead_trials():
            try:
                self.study.optimize(self._objective, n_trials=1, catch=(Exception,), callbacks=[report])
            except (ValueError, AssertionError):
                # Optuna raises these if another worker took this one for dead after a long sleep.
                if (lost := self._requeued_by_another()) is None:
                    raise
                self.study.enqueue_trial(values_of_trial(lost))

    def outcomes(self) -> list[TrialResult]:
        """All trials so far, the best first, failed trials last."""
        with damage_as_spec_error(self.spec):
            trials = self.study.get_trials(deepcopy=False)
            found = [
                self._outcome(trial) for trial in trials if trial.params and not _is_duplicate_trial(trial)
            ]
        return sorted(found, key=lambda outcome: (-(outcome.score or -1.0), outcome.number))

    def _objective(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("worker", _this_sweep_worker())
        if self._is_duplicate(trial):
            trial.set_user_attr("double", True)
            raise optuna.TrialPruned
        try:
            return self._train(trial)
        except optuna.TrialPruned:
            raise
        except Exception as error:
            trial.set_user_attr("reason", _reason_of_failed_trial(error))
            raise

    def _train(self, trial: optuna.Trial) -> float:
        setting = decode_setting(self._suggest(trial))
        recipe = self.spec.with_setting(setting)
        name = trial_name(setting, recipe)
        trial.set_user_attr("name", name)

        def on_epoch(epoch: int, metrics: EpochMetrics) -> None:
            trial.report(metrics.score, epoch)
            trial.set_user_attr("best", max(metrics.score, trial.user_attrs.get("best", 0.0)))
            if epoch < recipe.epochs and trial.should_prune():
                trial.set_user_attr("reason", f"behind the others in epoch {epoch}")
                raise optuna.TrialPruned

        result = train_member(*single_member_ensemble(self.spec, name, recipe), on_epoch=on_epoch)
        trial.set_user_attr("seconds", result.seconds)
        trial.set_user_attr("parameters", result.parameters)
        trial.set_user_attr("gflops", result.gflops)
        trial.set_user_attr("epochs", recipe.epochs)
        return result.score

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        if self.spec.grid:
            choices = {field: _as_json_texts(values) for field, values in self.spec.grid.items()}
            return {field: trial.suggest_categorical(field, texts) for field, texts in choices.items()}
        return {
            field: _suggest_trial_value(trial, field, values) for field, values in self.spec.search.items()
        }

    def _enqueue_grid(self) -> None:
        for values in self.spec.combinations() if self.spec.grid else ():
            self.study.enqueue_trial(values, skip_if_exists=True)

    def _is_duplicate(self, trial: optuna.Trial) -> bool:
        """Whether two workers that started at once have both enqueued this combination of the grid."""
        if not self.spec.grid:
            return False
        values = self._suggest(trial)
        earlier = self.study.get_trials(deepcopy=False)[: trial.number]
        return any(values_of_trial(other) == values and other.state != TrialState.FAIL for other in earlier)

    def _requeue_dead_trials(self) -> None:
        """Enqueue again the trials of dead workers on this machine; heartbeats detect those on others."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            host, process = trial.user_attrs.get("worker", (None, 0))
            if host == socket.gethostname() and not _is_worker_alive(process):
                self.study.enqueue_trial(values_of_trial(trial))
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def _requeued_by_another(self) -> FrozenTrial | None:
        """The last trial of this worker, if another worker has enqueued it again."""
        ended = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        mine = [trial for trial in ended if trial.user_attrs.get("worker") == _this_sweep_worker()]
        return mine[-1] if mine and _was_trial_requeued(mine[-1]) else None

    def _requeues_dead_trials(self) -> bool:
        """Wait for running trials of other workers, and enqueue those of dead workers again; whether any was.

        A live worker sends a heartbeat within the wait, and keeps its trial.
        """
        end = time.monotonic() + 3 * HEARTBEAT_S
        while time.monotonic() < end and self._has_running():
            time.sleep(POLL_S)
            self._requeue_dead_trials()
            optuna.storages.fail_stale_trials(self.study)
            if self._has_more():
                return True
        return False

    def _has_running(self) -> bool:
        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def _has_more(self) -> bool:
        if self.spec.grid:
            return bool(self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
        begun = [t for t in self.study.get_trials(deepcopy=False) if not _was_trial_requeued(t)]
        waiting = [t for t in begun if t.state == TrialState.WAITING]
        return bool(waiting) or len(begun) < (self.spec.trials or 0)

    def _outcome(self, trial: FrozenTrial) -> TrialResult:
        attributes: Mapping[str, Any] = trial.user_attrs
        return TrialResult(
            number=trial.number,
            name=attributes.get("name", ""),
            setting=decode_setting(trial.params),
            state="taken back" if _was_trial_requeued(trial) else trial.state.name.lower(),
            score=trial.value if trial.value is not None else attributes.get("best"),
            epochs=attributes.get("epochs", len(trial.intermediate_values)),
            seconds=attributes.get("seconds"),
            parameters=attributes.get("parameters"),
            gflops=attributes.get("gflops"),
            reason=attributes.get("reason", ""),
        )


def open_sweep(spec: SweepSpec) -> Sweep:
    """Open or create the study of a sweep.

    Raises:
        SpecError: the database cannot be opened, or holds a sweep with other choices.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec.runs.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=open_storage(spec, HEARTBEAT_S),
            study_name=STUDY,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=spec.seed),
            pruner=_pruner_of_sweep(spec),
            load_if_exists=True,
        )
    except Exception as error:
        # Every database driver has its own exceptions.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        advice = f": {install_advice('postgres')}" if "psycopg" in first and "module" in first else ""
        raise SpecError(f"storage: {spec.shown_url} cannot be opened: {first}{advice}") from error
    return Sweep(spec, study)


def _pruner_of_sweep(spec: SweepSpec) -> optuna.pruners.BasePruner:
    match spec.pruner:
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(max_resource=spec.recipe.epochs)
        case _:
            return optuna.pruners.NopPruner()


def _suggest_trial_value(trial: optuna.Trial, field: str, values: RangeSpec | list[Any]) -> Any:
    if isinstance(values, list):
        return trial.suggest_categorical(field, _as_json_texts(values))
    if values.whole:
        return trial.suggest_int(field, round(values.low), round(values.high), log=values.log)
    return trial.suggest_float(field, values.low, values.high, log=values.log)


def _as_json_texts(values: list[Any]) -> list[str]:
    return [json.dumps(value) for value in values]


def _this_sweep_worker() -> list[str | int]:
    return [socket.gethostname(), os.getpid()]


def _is_worker_alive(process: int) -> bool:
    """Whether another process of this machine has that id; this process has only just started."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_duplicate_trial(trial: FrozenTrial) -> bool:
    return "double" in trial.user_attrs


def _was_trial_requeued(trial: FrozenTrial) -> bool:
    """Whether its worker died and another trial got its values."""
    return trial.state == TrialState.FAIL and "reason" not in trial.user_attrs


def _reason_of_failed_trial(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"])
    text = str(error).splitlines()[0] if str(error) else ""
    return text if isinstance(error, SegError) else f"{type(error).__name__}: {text}".removesuffix(": ")
