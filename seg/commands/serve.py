"""`seg serve`: an ensemble behind HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from seg import ranges
from seg.commands.ensemble.source import Runtime, SpecOrModels, Views, Weights, resolve_ensemble_source
from seg.commands.options.shared import require_extra


def serve_command(
    paths: SpecOrModels,
    views: Views = None,
    weights: Weights = None,
    runtime: Runtime = None,
    host: Annotated[str, typer.Option(help="Where to listen: 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=ranges.PORT.least, max=ranges.PORT.most, help="0 for any that is free.")
    ] = 8000,
    name: Annotated[
        str | None,
        typer.Option(help="What clients call the ensemble; by default the YAML's, or the model's, name."),
    ] = None,
    requests: Annotated[
        int,
        typer.Option(
            min=1,
            max=ranges.OPEN_REQUESTS.most,
            help="How many are worked on at once; the next is told to come again (429).",
        ),
    ] = 64,
    upload: Annotated[str, typer.Option(metavar="SIZE", help="The largest upload of an image.")] = "20MB",
    megapixels: Annotated[
        float,
        typer.Option(
            min=ranges.MEGAPIXELS.least,
            max=ranges.MEGAPIXELS.most,
            help="The largest image, decoded.",
        ),
    ] = 16.0,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="What the server may take; by default half of what is free."),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Zoomable maps that `seg show -o` wrote, to show at /maps."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=ranges.REQUEST_SECONDS.least,
            max=ranges.REQUEST_SECONDS.most,
            help="The longest that a request may take, upload included.",
        ),
    ] = 30.0,
) -> None:
    """Label images over HTTP, and show a page to drop one on.

    POST /label?as=png|rle|overlay takes an image; /v2/models/NAME/infer speaks Triton's protocol; /metrics is
    for Prometheus. See docs/how-to/serving.md.
    """
    require_extra("serve", "fastapi", "seg serve")
    from seg.commands.options.sizes import parse_bytes
    from seg.engine.serve.http.admission import Limits
    from seg.engine.serve.run import run_server
    from seg.errors import OutputError

    if maps is not None and not (maps / "index.html").is_file():
        raise OutputError(f"--maps {maps}: has no maps: write them with 'seg show ... -o {maps}'")
    allowed = None if memory is None else parse_bytes("--memory", memory)
    limits = Limits(requests, round(megapixels * 1e6), parse_bytes("--upload", upload), seconds, allowed)
    source = resolve_ensemble_source(paths, views=views, weights=weights, runtime=runtime)
    run_server(source.spec, name or source.name, host, port, limits, typer.echo, maps)
