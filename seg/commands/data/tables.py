"""Tables of `seg data`: counts of classes and findings, and values of bands."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import typer

from seg.commands.options.shared import print_table
from seg.terminal.words import pluralise, printable_line

if TYPE_CHECKING:
    from seg.data.check.dataset import CheckReport, SplitCounts
    from seg.data.statistics import SplitStatistics

_MOST_PAIRS: Final = 20
"""Of classes that are in the same image, how many are printed."""


_MOST_CLASSES: Final = 40
"""Of a longer list, classes that no image shows have no row."""


def print_data_check(report: "CheckReport") -> None:
    """Print the counts and findings of `seg data check`."""
    from seg.data.check.findings import group_findings
    from seg.data.check.learnability import IGNORED

    shown = _classes_with_a_row(report)
    print_table(
        "objects of a class, images that show it, and its share of all pixels",
        ("class", *(f"{split.name} ({split.images})" for split in report.splits)),
        [
            (name, *(_class_counts_in_split(split, name) for split in report.splits))
            for name in (*shown, IGNORED)
        ],
    )
    if len(shown) < len(report.classes):
        typer.echo(
            f"without a row: {pluralise(len(report.classes) - len(shown), 'class')} that no image shows"
        )
    if report.task == "multilabel":
        _print_classes_in_same_image(report)
    for split in report.splits if report.task != "multiclass" else ():
        if split.counts.images:
            typer.echo(
                f"{split.name}: {split.empty_images:.0%} of the images show no class,"
                f" {split.empty_masks(report.classes):.0%} of the masks are empty"
            )
    for line in group_findings(report.findings):
        typer.echo(printable_line(line))
    typer.echo(pluralise(len(report.findings), "finding") if report.findings else "nothing is wrong")


def _classes_with_a_row(report: "CheckReport") -> tuple[str, ...]:
    """All classes or, of a long list, those that some image shows."""
    if len(report.classes) <= _MOST_CLASSES:
        return report.classes
    return tuple(name for name in report.classes if any(split.images_with[name] for split in report.splits))


def _print_classes_in_same_image(report: "CheckReport") -> None:
    """Which classes are most often in the same image."""
    pairs = sum((split.images_with_both for split in report.splits), Counter[tuple[str, str]]())
    if pairs:
        print_table(
            "images that show both classes",
            ("classes", *(f"{split.name} ({split.images})" for split in report.splits)),
            [
                (", ".join(pair), *(str(split.images_with_both[pair]) for split in report.splits))
                for pair, _ in pairs.most_common(_MOST_PAIRS)
            ],
        )


def print_band_statistics(found: "SplitStatistics") -> None:
    """Print the values of each band, and the line of a recipe that they amount to."""
    print_table(
        f"{pluralise(found.images, 'training image')}: values of each band, and as networks see it, in 0..1",
        ("band", "least", "1%", "99%", "most", "no data", "mean", "std"),
        [
            (
                str(one.band),
                *(f"{value:g}" for value in (one.least, one.low, one.high, one.most)),
                f"{one.without_data:.2%}",
                *("" if value is None else f"{value:.4f}" for value in (one.mean, one.std)),
            )
            for one in found.bands
        ],
    )
    typer.echo("for a recipe:")
    typer.echo(f"  {found.recipe_line()}")


def _class_counts_in_split(split: "SplitCounts", name: str) -> str:
    return f"{split.objects_of[name] or ''}  {split.images_with[name]}  {split.share(name):6.2%}"
