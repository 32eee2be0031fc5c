"""`seg distill`: train one student network on the ensemble's probabilities."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from seg.commands.options.shared import RunMetric, SpecPath, check_metric_may_run, require_extra
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec
    from seg.spec.recipe.student import StudentSpec


def distill_command(
    path: SpecPath,
    network: Annotated[
        str | None,
        typer.Option("--student", metavar="ARCHITECTURE/ENCODER", help="Instead of the spec's `student`."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Additional unlabelled images: a folder, a pattern or a list (.txt, .csv)."
        ),
    ] = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train again, even if there is a finished run.")
    ] = False,
    run_metric: RunMetric = False,
) -> None:
    """Train one network on the ensemble's probabilities and the true labels.

    The ensemble predicts all training images once, with its views and weights. The student is trained with
    the spec's `recipe`, overridden by its `student` section. Interrupted runs are resumed.
    """
    require_extra("train", "torch", "seg distill")
    from seg.data import open_split
    from seg.data.dataset import open_pseudo_splits
    from seg.data.splits.concat_split import ConcatSplit
    from seg.data.splits.unlabelled_split import UnlabelledSplit
    from seg.engine.jobs.fingerprint import ensemble_fingerprint
    from seg.engine.jobs.soft_labels import make_soft_labels
    from seg.engine.resolved import resolve_ensemble
    from seg.labels.soft_labels import SoftLabels
    from seg.spec import load_ensemble
    from seg.train.losses.distillation import Distillation
    from seg.train.networks.encoders import check_architecture
    from seg.train.trainer import train_member

    spec = load_ensemble(path)
    check_metric_may_run(spec, run_metric)
    student = _student_to_distill(path, spec, network)
    member = spec.member_of(student)
    recipe = spec.recipe_of(member)
    check_architecture(recipe.architecture, recipe.encoder)
    more = Path(images).absolute() if images else student.images
    train = open_split(spec.data, "train")
    unlabelled = UnlabelledSplit(more, train.classes, train.task) if more else None
    teacher = ensemble_fingerprint(resolve_ensemble(spec))
    soft_labels = SoftLabels.of_teacher(spec.runs, teacher)
    taught = [train, *open_pseudo_splits(spec.data), *([unlabelled] if unlabelled else [])]
    make_soft_labels(spec, ConcatSplit(taught).samples, soft_labels)
    distillation = Distillation(soft_labels, teacher, student.soft_share, student.temperature, unlabelled)
    run = train_member(spec, member, retrain=retrain, distillation=distillation)
    typer.echo(f"{member.name}: val mIoU {run.best_miou:.4f}: {spec.checkpoint(member)}")
    if spec.student:
        suggest_next(f"seg export {path} --member {member.name}")


def _student_to_distill(path: Path, spec: "EnsembleSpec", network: str | None) -> "StudentSpec":
    """The spec's student, with another network if one is named; raises SpecError if there is neither."""
    from pydantic import ValidationError

    from seg.errors import SpecError
    from seg.spec.base import did_you_mean
    from seg.spec.recipe.architectures import Architecture
    from seg.spec.recipe.student import StudentSpec

    if network is None:
        if spec.student is None:
            raise SpecError(
                f"{path}: has no student: add student: {{architecture: fpn, encoder: resnet18}},"
                " or pass --student fpn/resnet18"
            )
        return spec.student
    architecture, _, encoder = network.partition("/")
    settings = {"architecture": architecture} | ({"encoder": encoder} if encoder else {})
    try:
        asked = StudentSpec.model_validate(settings)
    except ValidationError as error:
        nearest = did_you_mean(architecture, get_args(Architecture))
        raise SpecError(
            f"--student {network}: there is no architecture {architecture!r}: {nearest}"
        ) from error
    other = {"architecture": asked.architecture, "encoder": asked.encoder}
    return (spec.student or StudentSpec()).model_copy(update=other)
