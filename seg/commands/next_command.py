"""Which command comes next on the way from models to a submission: tune, ensemble, submission check."""

from pathlib import Path
from typing import TYPE_CHECKING

from seg.terminal.notices import suggest_next, suggest_opening

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec


def suggest_next_stage(path: Path, spec: "EnsembleSpec") -> None:
    """`seg train` or `seg export` while a member has no model, else what follows."""
    without_model = [m for m in spec.running if m.model is None and not spec.model(m).exists()]
    if any(member.has_recipe and not spec.checkpoint(member).exists() for member in without_model):
        suggest_next(f"seg train {path}")
    elif without_model:
        suggest_next(f"seg export {path}")
    else:
        suggest_tuning_or_ensemble(path, spec)


def suggest_tuning_or_ensemble(path: Path, spec: "EnsembleSpec") -> None:
    """After all members are exported: `seg tune` if it has not run yet and can, else `seg ensemble`."""
    suggest_next(f"seg {'tune' if can_be_tuned(spec) and not is_tuned(spec) else 'ensemble'} {path}")


def suggest_submission_check(path: Path | None, submission: Path) -> None:
    """After a submission is written: check it by its spec's YAML; without one, look at it."""
    if path is None:
        suggest_opening(submission)
    else:
        suggest_next(f"seg submission check {path} {submission}")


def can_be_tuned(spec: "EnsembleSpec") -> bool:
    """Whether there are validation images, and more than one pass to choose from."""
    return spec.data.val is not None and sum(len(spec.views_of(member)) for member in spec.running) > 1


def is_tuned(spec: "EnsembleSpec") -> bool:
    """Whether the spec has what `seg tune` writes: for overlapping classes that is a decision."""
    from seg.spec.ensemble.decision import DecisionSpec

    return spec.tuned_on is not None or spec.decision != DecisionSpec()
