"""An ensemble as the command line names it: its YAML, or exported models and a few options."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seg.errors import SpecError

if TYPE_CHECKING:
    from seg.models.card import ModelCard
    from seg.spec import DatasetSpec, EnsembleSpec, MemberSpec

MODEL_SUFFIX: Final = ".onnx"

SpecOrModels = Annotated[
    list[Path],
    typer.Argument(metavar="SPEC|MODELS", help="The ensemble's YAML, or exported models (.onnx)."),
]
Views = Annotated[
    str | None,
    typer.Option(metavar="VIEWS", help="none, hflip, flips, rot90, d4, or views with commas between."),
]
Weights = Annotated[
    list[float] | None,
    typer.Option(metavar="NUMBER...", help="One for each model, such as 2 1; by default all are equal."),
]
Runtime = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What runs the models, such as cpu; by default the fastest."),
]
Data = Annotated[
    Path | None, typer.Option(metavar="DATASET", help="A dataset's YAML: images, labels and classes.")
]


@dataclass(frozen=True, slots=True)
class EnsembleSource:
    """What a command's arguments and options amount to.

    Attributes:
        spec: with the options in the place of what the YAML says.
        name: what the ensemble is called.
        yaml: the file it was read from; None where models were named.
    """

    spec: "EnsembleSpec"
    name: str
    yaml: Path | None

    @property
    def reads(self) -> tuple[Path, ...]:
        """The files that it was read from, beside what the spec names."""
        return (self.yaml,) if self.yaml else ()


def are_models(paths: Sequence[Path | str]) -> bool:
    """Whether the first argument is an exported model, and no YAML."""
    return Path(paths[0]).suffix.lower() == MODEL_SUFFIX


def resolve_ensemble_source(
    paths: Sequence[Path],
    *,
    views: str | None = None,
    weights: Sequence[float] | None = None,
    runtime: str | None = None,
    data: Path | None = None,
) -> EnsembleSource:
    """The ensemble of a YAML, or of models; options that are given replace what the YAML says.

    Raises:
        SpecError: there is more than one YAML, or one beside models, or an option has no such value.
        ModelError: a model cannot be read.
    """
    from seg.spec import load_dataset, load_ensemble

    dataset = load_dataset(data) if data else None
    if are_models(paths):
        spec = _spec_of_models(paths, dataset, views, weights, runtime)
        return EnsembleSource(spec, spec.members[0].name if len(paths) == 1 else "ensemble", None)
    if len(paths) > 1:
        raise SpecError(f"{paths[1]}: name one YAML, or exported models, which end in {MODEL_SUFFIX}")
    spec = load_ensemble(paths[0])
    if views is not None or weights or runtime is not None or dataset:
        spec = _spec_with_options(spec, dataset, views, weights, runtime)
    return EnsembleSource(spec, paths[0].stem, paths[0])


def _spec_of_models(
    models: Sequence[Path],
    data: "DatasetSpec | None",
    views: str | None,
    weights: Sequence[float] | None,
    runtime: str | None,
) -> "EnsembleSpec":
    from seg.models.class_order import shared_class_card
    from seg.models.model_file import read_model_card
    from seg.spec import EnsembleSpec
    from seg.spec.ensemble.from_models import members_of_models
    from seg.spec.yaml.source import validate_values

    for model in models:
        if not are_models([model]):
            raise SpecError(f"{model}: is no exported model: these end in {MODEL_SUFFIX}")
    data = data or _dataset_of_model_card(shared_class_card([read_model_card(model) for model in models]))
    members = _members_with_weights_of_option(members_of_models(models), weights)
    return validate_values(
        EnsembleSpec, {"data": data, "members": members, **_keys_of_options(views, runtime)}
    )


def _dataset_of_model_card(card: "ModelCard") -> "DatasetSpec":
    """A dataset of the model's classes, without images, which are read as the model takes them."""
    from seg.spec import DatasetSpec

    read = card.input.pixel_range.model_dump(exclude_none=True) if card.input.pixel_range else {}
    classes = [one.model_dump() for one in card.classes]
    return DatasetSpec.model_validate(
        {"classes": classes, "unlabelled": card.unlabelled, "task": card.task, **read}
    )


def _spec_with_options(
    spec: "EnsembleSpec",
    data: "DatasetSpec | None",
    views: str | None,
    weights: Sequence[float] | None,
    runtime: str | None,
) -> "EnsembleSpec":
    from seg.spec import EnsembleSpec
    from seg.spec.yaml.source import validate_values

    members = _members_with_weights_of_option([_given_keys(member) for member in spec.members], weights)
    if views is not None:
        members = [{key: value for key, value in member.items() if key != "views"} for member in members]
    changes = {"members": members, **({"data": data} if data else {}), **_keys_of_options(views, runtime)}
    return validate_values(EnsembleSpec, _given_keys(spec) | changes)


def _given_keys(spec: "EnsembleSpec | MemberSpec") -> dict[str, object]:
    """What a spec was given, without its defaults."""
    return {name: getattr(spec, name) for name in type(spec).model_fields if name in spec.model_fields_set}


def _members_with_weights_of_option(
    members: list[dict[str, object]], weights: Sequence[float] | None
) -> list[dict[str, object]]:
    from seg.spec.ensemble.from_models import members_with_weights

    if not weights:
        return members
    try:
        return members_with_weights(members, weights)
    except ValueError as error:
        raise SpecError(f"--{error}") from error


def _keys_of_options(views: str | None, runtime: str | None) -> dict[str, Any]:
    """Keys of an ensemble's YAML."""
    from seg.views import SYMMETRIES

    found: dict[str, Any] = {}
    if views is not None:
        found["views"] = views.split(",") if "," in views or views in SYMMETRIES else views
    if runtime is not None:
        found["runtime"] = runtime
    return found
