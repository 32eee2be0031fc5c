"""`seg ensemble`: models and images in, a submission out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg import ranges
from seg.commands.ensemble.other_images import STDIN, with_other_images, with_other_output
from seg.commands.ensemble.source import Runtime, SpecOrModels, Views, Weights, resolve_ensemble_source
from seg.commands.next_command import suggest_submission_check
from seg.commands.options.shared import Overwrite, print_table, require_extra
from seg.experimental import help_marked_experimental, warnings_of_experimental
from seg.terminal.words import pluralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg.engine.jobs.explain import Explanation
    from seg.spec import EnsembleSpec


def ensemble_command(
    paths: SpecOrModels,
    views: Views = None,
    weights: Weights = None,
    runtime: Runtime = None,
    strict: bool = typer.Option(False, "--strict", help="Stop at the first image that cannot be read."),
    restart: bool = typer.Option(
        False, "--restart", help="Throw away the journal of an earlier run and start from the first image."
    ),
    images: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="The images: a folder, a pattern, a list (.txt, .csv), - for stdin; with --cluster a URI.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="What to write. Of models, .csv is Kaggle's RLE, .json COCO, .npz arrays, a folder PNG.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="kaggle, kaggle-per-image, pixels, coco, coco-panoptic, png, class-png, npz, geotiff or"
            " geojson.",
        ),
    ] = None,
    save_spec: Annotated[
        Path | None,
        typer.Option("--save-spec", metavar="YAML", help="Also write a YAML with these settings."),
    ] = None,
    overwrite: Overwrite = False,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="The memory that the run may take, such as 4GB; by default without a limit."
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End within a time such as 8h30m: drop the least valuable passes."),
    ] = None,
    devices: Annotated[
        int,
        typer.Option(
            "--devices",
            min=1,
            max=ranges.DEVICES.most,
            help=help_marked_experimental(
                "Predict on so many GPUs of this machine (or CPU processes).", "--devices on GPUs"
            ),
        ),
    ] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Predict on a cluster: ray, or ray://HOST:10001."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=ranges.CLUSTER_WORKERS.most,
            help="With --cluster: how many engines; by default one a machine or GPU.",
        ),
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(
            min=ranges.GPUS.least,
            max=ranges.GPUS.most,
            help=help_marked_experimental(
                "With --cluster: the GPUs of each worker; by default none.", "--gpus-per-worker"
            ),
        ),
    ] = None,
    explain: bool = typer.Option(
        False, "--explain", help="Print what would run where, with times and memory; predict nothing."
    ),
) -> None:
    """Predict every image with all members and views, and write the submission.

    An ensemble is a YAML, or exported models: seg ensemble a.onnx b.onnx --images photos/ --views d4
    --weights 2 1 -o masks/. Options override the YAML.

    A run that was cut off goes on where it stopped. An image that cannot be read does not stop the
    others; the command then ends with code 2, naming it, and the next run tries it again.
    """
    from seg.commands.options.compatibility import check_option_exclusions
    from seg.commands.options.sizes import parse_bytes
    from seg.engine.early_exit.deadline import parse_duration
    from seg.engine.jobs.explain import explain_ensemble
    from seg.engine.jobs.predict import run_ensemble
    from seg.errors import SpecError

    check_option_exclusions(
        "ensemble",
        {
            "--cluster": cluster is not None,
            "--deadline": deadline is not None,
            "--devices": devices > 1,
            "--explain": explain,
            "--gpus-per-worker": gpus_per_worker is not None,
            "--workers": workers is not None,
        },
    )
    allowed = None if memory is None else parse_bytes("--memory", memory)
    seconds = None if deadline is None else parse_duration(deadline)
    uri = images if images and "://" in images else None
    if uri and not cluster:
        raise SpecError(f"--images {uri}: workers of a cluster read URIs: say which with --cluster")
    source = resolve_ensemble_source(paths, views=views, weights=weights, runtime=runtime)
    if source.yaml is None and images is None:
        raise SpecError("models have no images of their own: name them with --images")
    spec = with_other_output(source.spec, output, format_, by_name=source.yaml is None)
    with with_other_images(spec, None if uri else images) as spec:
        if save_spec:
            _save_spec_yaml(spec, save_spec, images, source.reads, overwrite)
        if cluster:
            require_extra("ray", "ray", "seg ensemble --cluster")
            from seg.engine.cluster import run_on_cluster

            for line in warnings_of_experimental(["--gpus-per-worker"] if gpus_per_worker else []):
                typer.echo(line, err=True)
            on_cluster = run_on_cluster(
                spec,
                cluster,
                images=uri,
                workers=workers,
                gpus=gpus_per_worker or 0.0,
                strict=strict,
                restart=restart,
                memory=allowed,
                overwrite=overwrite,
                reads=source.reads,
            )
            _print_ensemble_outcome(on_cluster.text(), save_spec or source.yaml, spec.output.file)
            return
        if devices > 1:
            from seg.engine.cluster import run_on_devices

            on_devices = run_on_devices(
                spec,
                devices,
                strict=strict,
                restart=restart,
                memory=allowed,
                overwrite=overwrite,
                reads=source.reads,
            )
            _print_ensemble_outcome(on_devices.text(), save_spec or source.yaml, spec.output.file)
            return
        if explain:
            _print_ensemble_explanation(explain_ensemble(spec, allowed))
            return
        summary = run_ensemble(
            spec,
            strict=strict,
            restart=restart,
            memory=allowed,
            deadline=seconds,
            overwrite=overwrite,
            reads=source.reads,
        )
        _print_ensemble_outcome(summary.text(), save_spec or source.yaml, spec.output.file)


def _print_ensemble_outcome(text: str, yaml: Path | None, submission: Path) -> None:
    typer.echo(text)
    suggest_submission_check(yaml, submission)


def _save_spec_yaml(
    spec: "EnsembleSpec", path: Path, images: str | None, reads: "Sequence[Path]", overwrite: bool
) -> None:
    """Write the YAML, unless its images have no place that it could name."""
    from seg.data.files_read import files_read_by_spec
    from seg.errors import OutputError, SpecError
    from seg.files.outputs import Output
    from seg.spec.yaml.save import save_spec

    if images is not None and (images == STDIN or "://" in images):
        raise SpecError(f"--save-spec: a YAML cannot name --images {images}: name a folder or a list")
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise OutputError(f"--save-spec {path}: is no YAML: give it a name that ends in .yaml")
    with Output(path, (*reads, *files_read_by_spec(spec)), overwrite).writing() as final:
        save_spec(spec, final)
    typer.echo(f"{path}: written")


def _print_ensemble_explanation(explained: "Explanation") -> None:
    print_table(
        f"{pluralise(explained.images, 'image')}, {pluralise(explained.passes, 'pass')} an image,"
        f" in batches of {explained.batch_size} on {pluralise(explained.streams, 'stream')}",
        ("", "share", "views", "ms a pass", "MB", "nodes"),
        [
            (
                member.name,
                f"{member.share:.1%}",
                ", ".join(member.views),
                f"{member.milliseconds:.1f}",
                f"{member.memory / 1e6:.0f}",
                str(member.placement),
            )
            for member in explained.members
        ],
    )
    for member in explained.members:
        typer.echo(f"{member.name}: {member.runtime}")
        if member.placement.fallen_back:
            typer.echo(f"{member.name}: fell back: {', '.join(member.placement.fallen_back)}")
    for note in explained.notes:
        typer.echo(note)
    typer.echo(f"probabilities are added up on: {explained.merged_on}")
    typer.echo(
        f"networks alone: {explained.seconds:.1f} s;"
        f" memory: {explained.memory / 1e6:.0f} MB with all that is loaded"
    )
