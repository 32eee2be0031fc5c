"""Which options of a command exclude each other, and the page of all exclusions.

python -m seg.commands.options.compatibility > docs/reference/compatibility.md
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seg.errors import SpecError
from seg.spec.ensemble.compatibility import EXCLUSIONS


@dataclass(frozen=True, slots=True)
class OptionExclusion:
    """Two options of `seg COMMAND` that exclude each other; `why` is a part of a sentence."""

    command: str
    one: str
    other: str
    why: str


OPTION_EXCLUSIONS: Final = (
    OptionExclusion("ensemble", "--devices", "--cluster", "both spread a run"),
    *(
        OptionExclusion("ensemble", "--deadline", several, "a deadline is for one process that predicts")
        for several in ("--devices", "--cluster", "--explain")
    ),
    OptionExclusion("tune", "--judge train", "--on folds", "what is fitted on judges nothing"),
    OptionExclusion("evaluate", "--submission", "--split", "a submission is of the predict split"),
    *(
        OptionExclusion("ensemble", "--explain", several, "it explains one process")
        for several in ("--devices", "--cluster")
    ),
)


@dataclass(frozen=True, slots=True)
class OptionNeed:
    """An option of `seg COMMAND` that has a meaning only beside another."""

    command: str
    one: str
    needed: str
    why: str


OPTION_NEEDS: Final = (
    OptionNeed("ensemble", "--workers", "--cluster", "it counts a cluster's engines"),
    OptionNeed("ensemble", "--gpus-per-worker", "--cluster", "it is of a cluster's engines"),
    *(
        OptionNeed("evaluate", option, "--submission", "it is about a submission")
        for option in ("--against", "--json", "--csv")
    ),
)


def check_option_exclusions(command: str, given: Mapping[str, bool]) -> None:
    """Refuse options that exclude each other or lack what they need.

    Args:
        command: as in `seg COMMAND`.
        given: for each option that a table names for this command, whether it was given.

    Raises:
        SpecError: a line for each.
    """
    problems = [
        *(
            f"{one.one} and {one.other} exclude each other: {one.why}: remove one of them"
            for one in OPTION_EXCLUSIONS
            if one.command == command and given[one.one] and given[one.other]
        ),
        *(
            f"{one.one} needs {one.needed}: {one.why}: add {one.needed}, or remove {one.one}"
            for one in OPTION_NEEDS
            if one.command == command and given[one.one] and not given[one.needed]
        ),
    ]
    if problems:
        raise SpecError("\n".join(problems))


_INTRODUCTION: Final = """\
# Compatibility

Options that exclude each other. seg refuses them with one line that names both, before a model is loaded. The
page is written by `python -m seg.commands.options.compatibility` from the tables that the checks use.
"""

_ELSEWHERE: Final = """\
Some are found later, where a model or the memory must be known: `merge_at: decoder` and members that resize;
`--deadline` and a `--memory` that makes members take turns; `seg tune` with `runtime: tensorrt-plan` and a
member's `temperature`.

## Within a section

| one | the other | why |
|---|---|---|
| `annotations` | `masks`, `labels` | a split has one kind of label |
| `list`, `id` | `annotations` | a COCO JSON lists its images itself |
| `model` of a member | any key of the recipe | a finished model is not trained |
| `samples` of a recipe | `copy_paste`, `multiply`, `input: resize` | crops are drawn by place, once each |
| `grid` of a sweep | `search`, `trials` | a sweep has one way to choose |
| `unlabelled` of a dataset | `task: multilabel`, `binary` | there a pixel may be of no class |
| `decision` beyond `least_area` | `task: multiclass` | the most probable class wins, and needs no threshold |
| `positive_weight`, `symmetric` of a loss | `task: multiclass` | they are of sigmoids |
| `output.rle` | formats without run lengths in text | there is nothing to write so |
| `output.values` | formats other than `png`, `npz`, `geotiff` | other formats have no pixel values |
| `output.simplify` | formats other than `geojson` | other formats have no outlines |
| `output.size` | `output.format: geojson` | outlines are in pixels of the image |
| `output.sample`, `columns`, `id` | formats that are no CSV | they are about a CSV |
| `output.classes`, `drop` | formats without run lengths | other formats have all classes |
| `output.sample` | `output.columns` | the sample has the columns |
| `output.classes` | `output.drop` | one lists classes with rows, the other those without |
| `{class}` in `output.id` | a column of classes | the class is in one place |
| `output.empty: drop` | a row for each image, a sample with rows | their rows are fixed |

[Architectures and encoders](architectures.md) and [what can be exported](export-matrix.md) have their own
tables.
"""


def compatibility_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join(
        (
            _INTRODUCTION,
            *_exclusions_table("In a spec", ((x.one, x.other, x.why) for x in EXCLUSIONS if not x.uses)),
            *_exclusions_table(
                "A spec and a command", ((x.one, x.other, x.why) for x in EXCLUSIONS if x.uses)
            ),
            *_exclusions_table(
                "On the command line",
                (
                    *((f"`seg {x.command} {x.one}`", f"`{x.other}`", x.why) for x in OPTION_EXCLUSIONS),
                    *((f"`seg {x.command} {x.one}`", f"no `{x.needed}`", x.why) for x in OPTION_NEEDS),
                ),
            ),
            _ELSEWHERE,
        )
    )


def _exclusions_table(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| one | the other | why |\n|---|---|---|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


if __name__ == "__main__":
    sys.stdout.write(compatibility_page())
