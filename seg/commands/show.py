"""`seg show`: a picture of what the ensemble, or a submission, sees."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg import ranges
from seg.commands.ensemble.other_images import with_other_images
from seg.commands.ensemble.source import Runtime, Views, Weights, are_models, resolve_ensemble_source
from seg.commands.options.shared import Overwrite, check_picture_name
from seg.terminal.notices import suggest_opening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seg.spec import EnsembleSpec


def show_command(
    named: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC|MODELS [IMAGE]",
            help="The ensemble's YAML, or exported models (.onnx); then image files, or ids of images that"
            " the YAML predicts.",
        ),
    ],
    views: Views = None,
    weights: Weights = None,
    runtime: Runtime = None,
    submission: Annotated[
        Path | None,
        typer.Option("--submission", metavar="FILE", help="Draw this submission; no model is run."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PNG|FOLDER", help="The picture to write; a folder for zoomable maps."
        ),
    ] = Path("overlay.png"),
    images: Annotated[
        int,
        typer.Option(
            min=1, max=ranges.DRAWN_IMAGES.most, help="Where none are named: how many, spread over the split."
        ),
    ] = 4,
    overwrite: Overwrite = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the picture when it is written.")] = False,
) -> None:
    """Draw images beside the predictions of an ensemble or a submission, and their labels if they have any.

    Into a folder, a zoomable map of each image is written: a page with labels over it, for any browser.
    """
    from seg.data.files_read import files_read_by_spec
    from seg.errors import SpecError
    from seg.evaluate.show.contact_sheet import draw_ensemble_sheet, draw_submission_sheet
    from seg.evaluate.show.prediction_maps import map_ensemble_predictions, map_submission_predictions
    from seg.files.outputs import Output

    models = [name for name in named if are_models([name])] if are_models(named) else named[:1]
    wanted = [name for name in named if name not in models]
    source = resolve_ensemble_source(
        [Path(model) for model in models], views=views, weights=weights, runtime=runtime
    )
    if source.yaml is None and not wanted:
        raise SpecError("models have no images of their own: name image files after them")
    is_folder = not output.suffix
    if not is_folder:
        check_picture_name(output)
    with with_other_images(source.spec, None if source.yaml else wanted) as spec:
        reads = (
            *source.reads,
            *files_read_by_spec(spec),
            *_images_that_could_be_replaced(spec, output),
            *map(Path, wanted),
            *([submission] if submission else []),
        )
        with Output(output, reads, overwrite, is_folder).writing() as final:
            if submission is None:
                (map_ensemble_predictions if is_folder else draw_ensemble_sheet)(spec, final, wanted, images)
            else:
                (map_submission_predictions if is_folder else draw_submission_sheet)(
                    spec, submission, final, wanted, images
                )
    typer.echo(f"{output}: written")
    page = output / "index.html" if is_folder else output
    if open_it:
        typer.launch(str(page))
    else:
        suggest_opening(page)


def _images_that_could_be_replaced(spec: "EnsembleSpec", output: Path) -> "Iterator[Path]":
    """The images of the predict split, which may lie outside its folder, if something is at the output."""
    from seg.data import open_split
    from seg.files.atomic import path_exists

    if path_exists(output):
        yield from (sample.image for sample in open_split(spec.data, "predict").samples)
