"""An ensemble of exported models and of functions, without a YAML."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from seg.engine.load import LoadedMembers, load_members
from seg.engine.member import Member
from seg.engine.member_files import STACKING_OF_OTHERS
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.python_runtime import PredictFunction, PythonRuntime
from seg.errors import SpecError
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.task import Task
from seg.models.card import InputCard, ModelCard
from seg.spec import EnsembleSpec
from seg.spec.dataset.class_entry import UNLABELLED_IGNORED
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.ensemble.from_models import spec_from_models

Model = Path | str | PredictFunction

ARCHITECTURE: Final = "python"
"""What the card of a function says."""


def load_models(
    models: Sequence[Model],
    classes: Sequence[str] | None,
    weights: Sequence[float] | None,
    task: Task | None,
    options: dict[str, Any],
) -> tuple[EnsembleSpec, LoadedMembers]:
    """Load the files among the models, and make members of the functions.

    Args:
        models: paths of exported models, and functions.
        classes: the names of the classes, needed if all models are functions.
        weights: one for each model; by default all are equal.
        task: what a pixel can be; by default what the first file's card says, else `multiclass`.
        options: further keys of an ensemble's YAML, such as `views`.

    Raises:
        ValueError: an option has no such value, no model says the classes, or a function would be cut.
        SpecError, ModelError, MissingRuntimeError: as `seg.engine.load.load_members`.
    """
    named = [_path_of_function(model) if callable(model) else model for model in models]
    data = DatasetSpec(task=task) if task else None
    spec = spec_from_models(named, weights=weights, data=data, **options)
    functions = {
        member.name: model for member, model in zip(spec.members, models, strict=True) if callable(model)
    }
    if functions and spec.merge_at == "decoder":
        raise ValueError("merge_at: decoder cuts exported models, and a function cannot be cut: remove it")
    files = tuple(member for member in spec.running if member.name not in functions)
    if functions and spec.stacking and spec.stacking.fingerprint:
        raise SpecError(f"{spec.stacking.place}: {STACKING_OF_OTHERS}")
    of_files_alone = spec.model_copy(update={"members": files, "stacking": None} if functions else {})
    loaded = load_members(resolve_ensemble(of_files_alone)) if files else _no_loaded_models(spec)
    known = loaded.members[0].card.classes if files else _classes_of_functions(classes)
    if classes is not None and [c.name for c in known] != list(classes):
        raise ValueError(f"classes: the models have {', '.join(c.name for c in known)}")
    if not functions:
        return spec, loaded
    of_files = {member.name: member for member in loaded.members}
    members = tuple(
        of_files.get(one.name)
        or Member(
            one.name,
            PythonRuntime(
                functions[one.name], one.name, len(known), default_streams(usable_cores()), spec.data.task
            ),
            _card_of_function(one.name, known, spec.data.task),
            one.weight,
            spec.views_of(one),
        )
        for one in spec.running
    )
    factors, stacking = spec.factors_of(known), spec.stacking_of(known)
    return spec, replace(loaded, members=members, factors=factors, device_ops=None, stacking=stacking)


def _path_of_function(function: PredictFunction) -> Path:
    """What stands in the spec for a function: its name, or that of its type."""
    return Path(getattr(function, "__name__", type(function).__name__))


def _no_loaded_models(spec: EnsembleSpec) -> LoadedMembers:
    return LoadedMembers((), 1 if spec.batch_size == "auto" else spec.batch_size, (), ())


def _classes_of_functions(names: Sequence[str] | None) -> tuple[ClassInfo, ...]:
    if not names:
        raise ValueError("classes: name them, since functions do not")
    return tuple(
        ClassInfo(id=label, name=name, colour=default_colour(label)) for label, name in enumerate(names)
    )


def _card_of_function(name: str, classes: tuple[ClassInfo, ...], task: Task) -> ModelCard:
    return ModelCard(
        name=name,
        architecture=ARCHITECTURE,
        encoder="",
        task=task,
        classes=classes,
        unlabelled=UNLABELLED_IGNORED,
        input=InputCard(stride=1, mean=(0, 0, 0), std=(1, 1, 1)),
    )
