"""`seg cache`: the cached passes of `seg tune` and `seg report`, by model."""

import typer

from seg.commands.options.shared import print_table

app = typer.Typer(no_args_is_help=True, help="The cache of passes of `seg tune`.")


@app.command("ls")
def cache_ls_command() -> None:
    """List the cache of passes, least recently used first."""
    from seg.commands.options.sizes import format_bytes
    from seg.evaluate.cache.store import ProbabilityCache

    cache = ProbabilityCache()
    contents = cache.contents_by_model()
    rows = [
        (model.name, str(model.files), format_bytes(model.bytes), _last_used_date(model.used))
        for model in contents
    ]
    print_table(str(cache.folder), ("model and runtime", "passes", "size", "last used"), rows)
    typer.echo(f"{format_bytes(sum(model.bytes for model in contents))} in all")


@app.command("prune")
def cache_prune_command(
    to: str = typer.Option("0GB", "--to", help="The size to keep; the most recently used passes are kept."),
) -> None:
    """Remove the least recently used passes."""
    from seg.commands.options.sizes import format_bytes, parse_bytes
    from seg.evaluate.cache.store import ProbabilityCache

    typer.echo(f"{format_bytes(ProbabilityCache().prune(parse_bytes('--to', to)))} freed")


def _last_used_date(seconds: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
