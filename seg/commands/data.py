"""`seg data`: write the built-in dataset, and check one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seg.data.check import CheckReport, SplitReport

app = typer.Typer(help="Write the built-in dataset; check your own.", no_args_is_help=True)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    seed: Annotated[int, typer.Option(help="Another seed draws other images.")] = 0,
) -> None:
    """Draw the built-in dataset: 12 classes of trash, COCO polygons, no download."""
    from seg.data.sample import write_sample_dataset

    written = write_sample_dataset(folder, seed=seed)
    typer.echo(f"{folder}: {'written' if written else 'there already'}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="DATASET", help="A dataset's YAML.")],
    strict: Annotated[bool, typer.Option("--strict", help="End with code 2 if anything is found.")] = False,
) -> None:
    """Count classes and pixels, and find what is missing, broken, doubled or out of place."""
    from seg.data.check import check_dataset
    from seg.errors import DataError
    from seg.spec import load_dataset

    report = check_dataset(load_dataset(file))
    _print_report(report)
    if strict and report.findings:
        raise DataError(f"{file}: {len(report.findings)} findings")


def _print_report(report: "CheckReport") -> None:
    from seg.commands.shared import print_table
    from seg.data.check import UNLABELLED

    print_table(
        "objects of a class, images that show it, and its share of all pixels",
        ("class", *(f"{split.name} ({split.images})" for split in report.splits)),
        [
            (name, *(_counts(split, name) for split in report.splits))
            for name in (*report.classes, UNLABELLED)
        ],
    )
    for finding in report.findings:
        typer.echo(str(finding))
    typer.echo(f"{len(report.findings)} findings" if report.findings else "nothing is wrong")


def _counts(split: "SplitReport", name: str) -> str:
    return f"{split.objects_of[name] or ''}  {split.images_with[name]}  {split.share(name):6.2%}"
