"""`seg train`: train the members of an ensemble, one checkpoint each."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg import ranges
from seg.commands.options.shared import (
    MemberName,
    RunMetric,
    SpecPath,
    check_metric_may_run,
    chosen_members,
    print_table,
    require_extra,
)
from seg.experimental import help_marked_experimental
from seg.terminal.events import emit_event
from seg.terminal.notices import suggest_next
from seg.terminal.words import duration_in_words

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec, MemberSpec
    from seg.spec.dataset.dataset import DatasetSpec

ASSUMED_CLASSES = 12


def train_command(
    path: SpecPath,
    member: MemberName = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train again, even if there is a finished run.")
    ] = False,
    devices: Annotated[
        int,
        typer.Option(
            "--devices",
            min=1,
            max=ranges.DEVICES.most,
            help=help_marked_experimental(
                "Train on so many GPUs of this machine (or CPU processes).",
                "training on a GPU",
                "--devices on GPUs",
            ),
        ),
    ] = 1,
    dry: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only print the cost of each member: size, operations, memory, one step."
        ),
    ] = False,
    run_metric: RunMetric = False,
) -> None:
    """Train each member that is not trained yet; interrupted runs are resumed."""
    require_extra("train", "torch", "seg train")
    from seg.spec import load_ensemble
    from seg.train.distributed.launcher import exit_with_launcher, is_distributed, launch_processes

    if devices > 1 and not dry and not is_distributed():
        raise typer.Exit(launch_processes(sys.argv[1:], devices))
    exit_with_launcher()
    spec = load_ensemble(path)
    check_metric_may_run(spec, run_metric)
    members = chosen_members(path, spec, member)
    if dry:
        _print_training_dry_run(path, spec, members)
        return
    from seg.train.trainer import train_member

    for logger in spec.loggers:
        require_extra("loggers", logger, "seg train")
    if os.environ.get("RANK", "0") == "0":
        _print_training_estimates(path, spec, members, retrain)
    for one in members:
        if one.model is not None:
            typer.echo(f"{one.name}: uses the finished model {one.model}")
            continue
        if one.source is not None:
            typer.echo(f"{one.name}: was trained elsewhere: {one.source}")
            continue
        run = train_member(spec, one, retrain=retrain)
        where = f"mean of {run.averaged_epochs} epochs" if run.averaged_epochs else f"epoch {run.best_epoch}"
        typer.echo(f"{one.name}: val {run.metric} {run.score:.4f}, {where}: {spec.checkpoint(one)}")
        emit_event("output", path=str(spec.checkpoint(one)))
    suggest_next(f"seg export {path}")


def _print_training_estimates(
    path: Path, spec: "EnsembleSpec", members: "tuple[MemberSpec, ...]", retrain: bool
) -> None:
    """Print what training will take: of the members that are to be trained, if there are any."""
    from seg.train.estimate import estimate_training
    from seg.train.lightning_fit import training_device

    wanted = [one for one in members if one.has_recipe and (retrain or not spec.checkpoint(one).exists())]
    if not wanted:
        return
    estimates = {one.name: estimate_training(spec, one, retrain=retrain) for one in wanted}
    print_table(
        f"{path}: trains on {training_device()}, about"
        f" {duration_in_words(sum(one.seconds for one in estimates.values()))} in all",
        ("", "network", "M parameters", "GiB", "epochs", "time"),
        [
            (
                one.name,
                "{0.architecture} {0.encoder}".format(spec.recipe_of(one)),
                f"{estimates[one.name].parameters / 1e6:.1f}",
                f"{estimates[one.name].memory / 2**30:.1f}",
                str(estimates[one.name].epochs),
                duration_in_words(estimates[one.name].seconds),
            )
            for one in wanted
        ],
    )


def _print_training_dry_run(path: Path, spec: "EnsembleSpec", members: "tuple[MemberSpec, ...]") -> None:
    """Print the costs as a table; raises SpecError with all combinations that do not work."""
    from seg.errors import SpecError
    from seg.train.dry_run import STEP_IMAGES, dry_run
    from seg.train.member.input_card import input_card_without_images

    classes, said_by = _count_classes_without_data(spec.data)
    rows, refused = [], []
    for one in members:
        if not one.has_recipe:
            continue
        recipe = spec.recipe_of(one)
        try:
            found = dry_run(recipe, classes, spec.data.task, input_card_without_images(recipe, spec.data))
        except SpecError as error:
            refused.append(f"{path}: {one.name}: {error}")
            continue
        rows.append(
            (
                one.name,
                f"{recipe.architecture} {recipe.encoder}",
                "{}x{}".format(*found.crop),
                str(recipe.batch_size),
                f"{found.cost.parameters / 1e6:.1f}",
                f"{found.cost.gflops:.1f}",
                f"{found.memory / 2**30:.1f}",
                f"{found.step_seconds:.1f}",
                f"{found.loss:.2f}",
            )
        )
    header = (
        "",
        "network",
        "crop",
        "batch",
        "M parameters",
        "GFLOPs",
        "GiB",
        f"s, step of {STEP_IMAGES}",
        "loss",
    )
    if rows:
        print_table(f"{path}: {classes} classes, {said_by}", header, rows)
    if refused:
        raise SpecError("\n".join(refused))


def _count_classes_without_data(data: "DatasetSpec") -> tuple[int, str]:
    """The number of classes and its source; a dry run does not need the dataset."""
    from seg.data import open_split
    from seg.spec.dataset.class_entry import numbered_classes

    annotations = data.train and data.train.annotations
    if annotations and annotations.exists():
        return len(open_split(data, "train").classes), "as the dataset has"
    if data.classes:
        return len(numbered_classes(data.classes, data.unlabelled, data.task)), "as the spec says"
    return ASSUMED_CLASSES, f"assumed, as {annotations} is not here"
