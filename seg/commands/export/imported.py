"""`seg export` of a member that was trained elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.doctor.member import feeding_of, verdict_on_feeding
from seg.errors import DataError

if TYPE_CHECKING:
    from seg.export.sources.source import Source
    from seg.models.card import ModelCard
    from seg.spec import EnsembleSpec, ExportSpec, MemberSpec


def export_imported_member(
    spec: "EnsembleSpec", member: "MemberSpec", request: "ExportSpec", *, is_asked: bool, force: bool
) -> "ModelCard | None":
    """Export the member unless it is exported already; its card, or None.

    Args:
        spec: the ensemble.
        member: one with `checkpoint` or `onnx`.
        request: the precision and opset.
        is_asked: whether they were asked for, so that a model exported otherwise is exported again.
        force: export again, and replace a file of others.
    """
    from seg.data.labelling import known_classes_of_dataset
    from seg.export.onnx_file.save import refuse_foreign_model
    from seg.export.onnx_file.verification_images import images_to_verify_on
    from seg.export.sources.export_source import export_source, is_exported_source
    from seg.export.sources.open_source import open_source

    model, classes = spec.model(member), known_classes_of_dataset(spec.data)
    if not classes:
        raise DataError(
            f"data: has no classes on this machine, which those of {member.name} are mapped to: list them in"
            " 'classes'"
        )
    source = open_source(member)
    if not force:
        if is_exported_source(
            member, source.sha256, classes, spec.data.task, model, request if is_asked else None
        ):
            typer.echo(f"{member.name}: exported already: {model}")
            return None
        refuse_foreign_model(model)
    for note in source.notes:
        typer.echo(f"{member.name}: {note}")
    card = export_source(member, source, model, classes, spec.data, images_to_verify_on(spec), request)
    _print_assumptions_of_import(member.name, source.path, card)
    _warn_of_better_feeding(spec, member, source)
    return card


def _warn_of_better_feeding(spec: "EnsembleSpec", member: "MemberSpec", source: "Source") -> None:
    """Warn if the member scores clearly better when it is fed otherwise, where there are labels to tell."""
    from seg.spec.ensemble.compatibility import exclusions_in_spec

    if exclusions_in_spec(spec, "doctor member"):
        return
    try:
        feeding = feeding_of(spec, member, source)
    except DataError:
        return
    verdict = verdict_on_feeding(member.name, feeding)
    if verdict:
        typer.echo(f"{verdict}: correct the member in the YAML, and export it again", err=True)


def _print_assumptions_of_import(name: str, source: Path, card: "ModelCard") -> None:
    if card.source is not None and card.source.assumed:
        typer.echo(
            f"{name}: {source.name} does not say, and is taken to be: {'; '.join(card.source.assumed)}"
        )
