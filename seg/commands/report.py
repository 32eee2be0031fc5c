"""`seg report`: one HTML report of an ensemble, or of training runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from seg import ranges
from seg.commands.options.shared import CacheLimit, Overwrite, RunMetric, check_metric_may_run, require_extra
from seg.terminal.notices import suggest_opening


def report_command(
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
    run_metric: RunMetric = False,
    overwrite: Overwrite = False,
    cache_limit: CacheLimit = "20GB",
) -> None:
    """Write one HTML file: metrics with intervals, members, cost, calibration, export, and a gallery.

    The file is self-contained; the three worst images of more than 1280 pixels a side have zoomable maps in a
    folder beside it. Passes are read from the cache of `seg tune`, and computed if they are
    missing. For runs, it shows their metrics and learning curves.
    """
    require_extra("report", "jinja2", "seg report")
    require_extra("report", "blosc2", "seg report")
    from seg.commands.options.sizes import format_bytes, parse_bytes
    from seg.data.files_read import files_read_by_spec
    from seg.errors import OutputError, SpecError
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.report import write_report, write_runs_report
    from seg.evaluate.report.zoom_maps import zoom_maps_folder
    from seg.files.outputs import Output
    from seg.spec import load_ensemble

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
        check_metric_may_run(spec, run_metric)
        reads = (*paths, *files_read_by_spec(spec))
        Output(zoom_maps_folder(output), reads, overwrite, is_folder=True).check()
        with Output(output, reads, overwrite).writing() as final:
            write_report(spec, final, paths[0].stem, cache, images, judge)
        cache.prune(limit)
    else:
        raise SpecError("name one ensemble's YAML, or only folders of runs")
    typer.echo(f"{output}: {format_bytes(output.stat().st_size)}")
    suggest_opening(output)
