"""An ensemble spec made of model files alone, without a YAML."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seg.labels.task import Task
from seg.models.class_order import shared_class_card
from seg.models.model_file import read_model_card
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.ensemble.ensemble import EnsembleSpec
from seg.terminal.words import pluralise

EXPORTED_NAME = "model"
"""The stem of the files that `seg export` writes; their folder is what tells members apart."""


def spec_from_models(
    models: Sequence[Path | str],
    *,
    weights: Sequence[float] | None = None,
    data: DatasetSpec | None = None,
    **options: object,
) -> EnsembleSpec:
    """The spec of exported models with the given weights.

    Args:
        models: paths of exported ONNX files.
        weights: one for each model; by default all are equal.
        data: the images to predict, labels, and classes; by default none.
        options: further keys of an ensemble's YAML, such as `views`, `merge`, `runtime` and `tile`.

    Raises:
        ValueError: there is no model, or not one weight for each, or an option has no such value.
        ModelError: a model is not one of seg.
    """
    members = members_of_models(models, weights)
    data = data or DatasetSpec(task=_task_of_models(models))
    return EnsembleSpec.model_validate({"data": data, "members": members, **options})


def _task_of_models(models: Sequence[Path | str]) -> Task:
    """The task that the models share; those that are missing or no files are refused when they are loaded."""
    cards = [read_model_card(path) for path in map(Path, models) if path.is_file()]
    return shared_class_card(cards).task if cards else "multiclass"


def members_of_models(
    models: Sequence[Path | str], weights: Sequence[float] | None = None
) -> list[dict[str, object]]:
    """The members of a spec, as its YAML has them: a name, a model and, where any are given, a weight.

    Raises:
        ValueError: there is no model, or not one weight for each.
    """
    if isinstance(models, str | Path):
        raise ValueError(f"models are a list of paths, got one path: [{str(models)!r}]")
    if not models:
        raise ValueError("models: at least one path is needed")
    paths = [Path(model).absolute() for model in models]
    members: list[dict[str, object]] = [
        {"name": name, "model": path} for name, path in zip(_names_of_models(paths), paths, strict=True)
    ]
    return members if weights is None else members_with_weights(members, weights)


def members_with_weights(
    members: Sequence[Mapping[str, object]], weights: Sequence[float]
) -> list[dict[str, object]]:
    """Members with other weights, one for each in their order; raises ValueError where there are others."""
    if len(weights) != len(members):
        raise ValueError(f"weights: one for each of {pluralise(len(members), 'model')}, got {len(weights)}")
    return [{**member, "weight": weight} for member, weight in zip(members, weights, strict=True)]


def _names_of_models(paths: Iterable[Path]) -> list[str]:
    """A name for each model: its file's, or its run folder's, with a number where two are alike."""
    stems = [path.parent.name if path.stem == EXPORTED_NAME else path.stem for path in paths]
    seen: Counter[str] = Counter()
    names = []
    for stem in stems:
        seen[stem] += 1
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).lstrip("._-") or "model"
        names.append(name if seen[stem] == 1 else f"{name}-{seen[stem]}")
    return names
