"""`seg report`: one HTML file that shows what an ensemble, or runs of training, came to."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.shared import CacheLimit, require_extra


def report(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SPEC|RUN...", help="An ensemble's YAML, or folders of runs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="HTML", help="The file to write.")] = Path(
        "report.html"
    ),
    images: Annotated[int, typer.Option(min=0, help="How many images the gallery has, at most.")] = 100,
    cache_limit: CacheLimit = "20GB",
) -> None:
    """Write one HTML file: figures with intervals, members, cost, calibration, export, and a gallery.

    It opens from disk and loads nothing. Passes are taken from the cache of `seg tune`, and computed
    where it lacks them. Of runs, it shows what they reached and their learning curves.
    """
    require_extra("report", "jinja2", "seg report")
    require_extra("report", "blosc2", "seg report")
    from seg.commands.sizes import format_bytes, parse_bytes
    from seg.errors import OutputError, SpecError
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.report import write_report, write_runs_report
    from seg.spec import load_ensemble

    limit = parse_bytes("--cache-limit", cache_limit)
    if output.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{output}: the report is a page: name it .html")
    if all(path.is_dir() for path in paths):
        write_runs_report(paths, output)
    elif len(paths) == 1:
        cache = ProbabilityCache()
        write_report(load_ensemble(paths[0]), output, paths[0].stem, cache, images)
        cache.prune(limit)
    else:
        raise SpecError("name one ensemble's YAML, or folders of runs alone")
    typer.echo(f"{output}: {format_bytes(output.stat().st_size)}")
