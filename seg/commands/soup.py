"""`seg soup`: average the weights of several runs, and keep the average if it beats the best run."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.options.shared import SpecPath, print_table, require_extra
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec
    from seg.train.soup import SoupCandidate, SoupResult


def soup_command(
    path: SpecPath,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Members, or folders of other runs; by default all members that train."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The soup's folder among the runs.")] = "soup",
) -> None:
    """Average the weights of runs of one network, and keep the average if it beats the best run.

    Scores the uniform soup of all runs and the greedy soup on the validation images; the statistics of batch
    normalisation are recomputed on training images.
    """
    require_extra("train", "torch", "seg soup")
    from seg.data import open_split
    from seg.errors import SpecError
    from seg.spec import load_ensemble
    from seg.spec.ensemble.member import MEMBER_NAME
    from seg.train.run.folder import RunFolder
    from seg.train.soup import greedy_soup, read_ingredients, save_soup

    spec = load_ensemble(path)
    if not re.fullmatch(MEMBER_NAME, name):
        raise SpecError(f"--name {name!r}: a soup is named like a member: letters, digits, '.', '_' and '-'")
    folders = _folders_of_runs_to_average(path, spec, runs or [])
    train, val = open_split(spec.data, "train"), open_split(spec.data, "val")
    result = greedy_soup(read_ingredients(folders, train.classes), train, val)
    _print_soup_scores(len(val.samples), result)
    best, found = result.single_runs[0], result.soup
    if found is None:
        typer.echo(f"no soup beats {best.names[0]} ({best.miou:.4f}): nothing was written")
        return
    folder = RunFolder(spec.runs / name)
    save_soup(folder, name, found)
    typer.echo(
        f"soup of {', '.join(found.names)}: val mIoU {found.miou:.4f},"
        f" {100 * (found.miou - best.miou):+.2f} points over {best.names[0]}: {folder.model}"
    )
    suggest_next(f"name it among the members of {path}: - name: {name}")


def _folders_of_runs_to_average(path: Path, spec: "EnsembleSpec", runs: list[str]) -> dict[str, Path]:
    """The folder of each run by name; raises SpecError if a run is neither a member nor a folder."""
    from seg.errors import SpecError
    from seg.spec.base import did_you_mean
    from seg.terminal.notices import notice

    members = {member.name: spec.run_folder(member) for member in spec.members if member.has_recipe}
    elsewhere = {member.name for member in spec.members if member.source}
    found = {}
    for run in runs or members:
        if run in elsewhere:
            raise SpecError(
                f"{path}: {run} was trained elsewhere, and a soup averages runs of seg train: leave it out"
            )
        if run not in members and not Path(run).is_dir():
            if not members:
                raise SpecError(
                    f"{path}: {run!r} is not a folder, and no member has a run: all have a 'model'"
                )
            raise SpecError(f"{path}: {run!r} is neither a member nor a folder: {did_you_mean(run, members)}")
        found[run] = members.get(run, Path(run))
    if not found:
        raise SpecError(f"{path}: no member has a run of seg train, which a soup averages: name some runs")
    if not runs and elsewhere:
        notice(f"{', '.join(sorted(elsewhere))}: left out, because a soup averages runs of seg train")
    return found


def _print_soup_scores(images: int, result: "SoupResult") -> None:
    best = result.single_runs[0].miou

    def row(name: str, candidate: "SoupCandidate", taken: str) -> tuple[str, ...]:
        return (name, f"{candidate.miou:.4f}", f"{100 * (candidate.miou - best):+.2f}", taken)

    print_table(
        f"val mIoU over {images} images",
        ("", "val mIoU", "over the best run, points", "taken"),
        [
            *(row(candidate.names[0], candidate, "") for candidate in result.single_runs),
            row("uniform soup", result.uniform, "all"),
            row("greedy soup", result.greedy, ", ".join(result.greedy.names)),
        ],
    )
