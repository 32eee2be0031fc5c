"""`seg doctor member`: whether a member that was trained elsewhere is fed rightly."""

from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.options.shared import SpecPath, chosen_members, print_table
from seg.errors import SpecError

if TYPE_CHECKING:
    from seg.export.sources.feeding.check import Feeding
    from seg.export.sources.source import Source
    from seg.spec import EnsembleSpec, MemberSpec


def doctor_member_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A member with `checkpoint` or `onnx`.")],
    path: SpecPath,
) -> None:
    """Score a member that was trained elsewhere as declared and under the usual mistakes.

    Colours in the other order, no division by 255, other means and deviations, resized or padded, classes
    shifted or in another order, a softmax too many: each on a few labelled validation images.
    """
    from seg.data import open_split
    from seg.export.sources.open_source import open_source
    from seg.spec import load_ensemble
    from seg.spec.ensemble.compatibility import refuse_exclusions

    spec = load_ensemble(path)
    refuse_exclusions(spec, "doctor member")
    (member,) = chosen_members(path, spec, name)
    if member.source is None:
        raise SpecError(f"{path}: {name} was not trained elsewhere, so it cannot be fed wrongly")
    open_split(spec.data, "val").labels(0)  # Missing labels are reported before a network is opened.
    feeding = feeding_of(spec, member, open_source(member))
    print_table(
        f"{name}: scores on {feeding.images} images",
        ("reading", "mIoU", "log loss"),
        [
            (one.name, f"{one.miou:.4f}", "" if one.log_loss is None else f"{one.log_loss:.3f}")
            for one in feeding.scores
        ],
    )
    typer.echo(verdict_on_feeding(name, feeding) or f"{name}: no other reading is clearly better")


def feeding_of(spec: "EnsembleSpec", member: "MemberSpec", source: "Source") -> "Feeding":
    """The scores of a member's declaration and of others; raises DataError where there are no labels."""
    from seg.data import open_split
    from seg.data.labelling import labelling_of
    from seg.export.onnx_file.verification_images import validation_images
    from seg.export.sources.feeding.check import check_feeding
    from seg.export.sources.observed_values import kind_by_values, observe_values
    from seg.export.sources.resolve import resolve_declaration

    split = open_split(spec.data, "val")
    split.labels(0)
    background = None if spec.data.ignores_unlabelled else spec.data.unlabelled
    declared = resolve_declaration(member, source.facts, labelling_of(spec.data).classes, background)
    network = source.network(declared.output.name)
    observed = observe_values(network, validation_images(spec.data), declared)
    return check_feeding(source, kind_by_values(declared, observed, member), split)


def verdict_on_feeding(name: str, feeding: "Feeding") -> str:
    """One line with both figures if another reading is clearly better, else nothing."""
    better, declared = feeding.better, feeding.declared
    if better is None:
        return ""
    if better.miou > declared.miou or better.log_loss is None or declared.log_loss is None:
        return f"{name}: mIoU {declared.miou:.2f} as declared, {better.miou:.2f} with {better.name}"
    return (
        f"{name}: log loss {declared.log_loss:.2f} as declared, {better.log_loss:.2f} with {better.name}, and"
        " the same labels"
    )
