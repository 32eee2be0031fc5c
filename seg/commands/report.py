"""`seg report`: one HTML report of an ensemble, or of training runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from seg import ranges
from seg.commands.options.shared import CacheLimit, Overwrite, require_extra
from seg.terminal.notices import suggest_opening


def report(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SPEC|RUN...", help="An ensemble's YAML, or folders of runs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="HTML", help="The file to write.")] = Path(
        "report.html"
    ),
    images: Annotated[
        int, typer.Option(min=0, max=ranges.IMAGES.most, help="How many images the gallery has, at most.")
    ] = 100,
    judge: Annotated[
        Literal["train", "predict"] | None,
        typer.Option("--judge", help="Also score the ensemble on this split, which needs labels."),
    ] = None,
    overwrite: Overwrite = False,
    cache_limit: CacheLimit = "20GB",
) -> None:
    """Write one HTML file: metrics with intervals, members, cost, calibration, export, and a gallery.

    The file is self-contained. Passes are read from the cache of `seg tune`, and computed if they are
    missing. For runs, it shows their metrics and learning curves.
    """
    require_extra("report", "jinja2", "seg report")
    require_extra("report", "blosc2", "seg report")
    from seg.commands.options.sizes import format_bytes, parse_bytes
    from seg.errors import OutputError, SpecError
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.report import write_report, write_runs_report
    from seg.files.outputs import Output
    from seg.labels.task import classes_overlap
    from seg.spec import load_ensemble
    from seg.spec.reads import files_read

    limit = parse_bytes("--cache-limit", cache_limit)
    if output.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{output}: the report is an HTML file: name it .html")
    if all(path.is_dir() for path in paths):
        if judge:
            raise SpecError("--judge: runs are not judged again: name an ensemble's YAML")
        with Output(output, paths, overwrite).writing() as final:
            write_runs_report(paths, final)
    elif len(paths) == 1:
        spec, cache = load_ensemble(paths[0]), ProbabilityCache()
        if classes_overlap(spec.data.task):
            raise SpecError(
                f"{paths[0]}: a report is for one class a pixel: judge overlapping classes by seg evaluate"
                " and seg tune"
            )
        with Output(output, (*paths, *files_read(spec)), overwrite).writing() as final:
            write_report(spec, final, paths[0].stem, cache, images, judge)
        cache.prune(limit)
    else:
        raise SpecError("name one ensemble's YAML, or only folders of runs")
    typer.echo(f"{output}: {format_bytes(output.stat().st_size)}")
    suggest_opening(output)
