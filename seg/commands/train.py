"""`seg train`: labelled images in, one checkpoint a member out."""

import typer

from seg.commands.shared import MemberName, SpecPath, chosen_members, require_extra


def train(
    path: SpecPath,
    member: MemberName = None,
    retrain: bool = typer.Option(False, "--retrain", help="Train again, also where a finished run is there."),
) -> None:
    """Train each member that is not trained yet; a run that was cut off goes on."""
    require_extra("train", "torch", "seg train")
    from seg.spec import load_ensemble
    from seg.train.trainer import train_member

    spec = load_ensemble(path)
    for one in chosen_members(path, spec, member):
        if one.model is not None:
            typer.echo(f"{one.name}: uses the finished model {one.model}")
            continue
        run = train_member(spec, one, retrain=retrain)
        typer.echo(
            f"{one.name}: val mIoU {run.best_miou:.4f} in epoch {run.best_epoch}: {spec.checkpoint(one)}"
        )
