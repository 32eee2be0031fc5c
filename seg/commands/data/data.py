"""`seg data`: write the built-in dataset, guess and check a dataset, and preview training crops."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg import ranges
from seg.commands.data.tables import print_band_statistics, print_data_check
from seg.commands.options.shared import (
    MemberName,
    Overwrite,
    check_picture_name,
    chosen_members,
    require_extra,
)
from seg.errors import SpecError
from seg.terminal.notices import suggest_next, suggest_opening
from seg.terminal.words import pluralise, printable_line

if TYPE_CHECKING:
    from seg.spec import DatasetSpec, RecipeSpec

app = typer.Typer(help="Write the built-in dataset; describe and check your own.", no_args_is_help=True)


@app.command("sample")
def data_sample_command(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    seed: Annotated[
        int,
        typer.Option(min=ranges.SEED.least, max=ranges.SEED.most, help="Another seed draws other images."),
    ] = 0,
    scenes: Annotated[
        int | None,
        typer.Option(
            min=ranges.SCENES.least,
            max=ranges.SCENES.most,
            help="Draw so many places with their own light, ground and classes, no place in two splits.",
        ),
    ] = None,
    slide: Annotated[
        int | None,
        typer.Option(
            metavar="SIDE",
            min=ranges.SLIDE_SIDE.least,
            max=ranges.SLIDE_SIDE.most,
            help="Instead draw two slides of tissue on glass, so many pixels wide and high.",
        ),
    ] = None,
    task: Annotated[
        Literal["multiclass", "binary", "multilabel"],
        typer.Option(
            help="multilabel or binary: a contest of defects that overlap, with tables of run lengths, a"
            " sample submission and the true one. 80% of its masks are empty."
        ),
    ] = "multiclass",
) -> None:
    """Draw the built-in dataset: 12 classes of trash, COCO polygons; or a contest of defects, or slides."""
    from seg.data.sample import write_sample_contest, write_sample_dataset
    from seg.data.sample.write_slides import write_slides

    if slide and scenes:
        raise SpecError("--slide and --scenes exclude each other: slides show no scenes")
    if task != "multiclass" and (slide or scenes):
        other = "--slide" if slide else "--scenes"
        raise SpecError(f"{other} and --task {task} exclude each other: the contest has its own images")
    if slide:
        written = write_slides(folder, slide, seed=seed)
    elif task == "multiclass":
        written = write_sample_dataset(folder, seed=seed, scenes=scenes or 0)
    else:
        written = write_sample_contest(folder, task, seed=seed)
    typer.echo(f"{folder}: {'written' if written else 'there already'}")
    suggest_next(f"seg data check {folder / 'dataset.yaml'}")


@app.command("check")
def data_check_command(
    file: Annotated[Path, typer.Argument(metavar="DATASET", help="A dataset's or an ensemble's YAML.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 2 for warnings, too.")] = False,
) -> None:
    """Count classes and pixels, and find missing, broken, duplicate and misplaced files and labels.

    Exits with code 2 if an error is found. For an ensemble, the crops of its recipes are checked, too.
    """
    from seg.data.check.dataset import check_dataset
    from seg.errors import DataError
    from seg.spec import load_dataset, load_ensemble

    if _is_ensemble_yaml(file):
        spec = load_ensemble(file)
        report = check_dataset(spec.data, [spec.recipe_of(one) for one in spec.members if one.has_recipe])
    else:
        report = check_dataset(load_dataset(file))
    print_data_check(report)
    failing = [finding for finding in report.findings if strict or finding.severity == "error"]
    if failing:
        raise DataError(f"{file}: {pluralise(len(failing), 'finding' if strict else 'error')}")
    suggest_next(
        f"seg train {file}" if _is_ensemble_yaml(file) else f"name it in an ensemble's YAML: data: {file}"
    )


@app.command("guess")
def data_guess_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of images and labels.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="YAML", help="Write the YAML instead of printing it."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Look at a folder, and print the dataset YAML for it, with what is unsure as comments.

    Labels of annotation tools, such as labelme's, are named with the command that imports them.
    """
    from seg.data.files_read import files_read_by_spec
    from seg.data.guess import guess_dataset
    from seg.data.guess.write import yaml_of_guess
    from seg.files.atomic import write_text
    from seg.files.outputs import Output

    found = guess_dataset(folder)
    if found.import_format:
        typer.echo(f"{folder}: {found.layout}. Import it:")
        typer.echo(f"  seg data import {found.import_format} {folder} OUT")
    elif output is None:
        typer.echo(yaml_of_guess(found, Path.cwd()), nl=False)
    else:
        reads = files_read_by_spec({**found.dataset, **found.output})
        with Output(output, reads, overwrite).writing() as final:
            write_text(final, yaml_of_guess(found, output.absolute().parent))
        typer.echo(f"{output}: written: {found.layout}")
        suggest_next(f"seg data check {output}")


@app.command("preview")
def data_preview_command(
    file: Annotated[Path, typer.Argument(metavar="SPEC", help="An ensemble's or a dataset's YAML.")],
    member: MemberName = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write.")
    ] = Path("preview.png"),
    count: Annotated[
        int,
        typer.Option(
            min=ranges.DRAWN_IMAGES.least, max=ranges.DRAWN_IMAGES.most, help="How many crops are drawn."
        ),
    ] = 8,
    overwrite: Overwrite = False,
) -> None:
    """Draw the network's inputs in training, and warn about crops that look wrong.

    Uses the recipe of the first member or of --member; for a dataset, images are drawn without augmentation.
    """
    require_extra("train", "torch", "seg data preview")
    check_picture_name(output)
    data, recipe = _data_and_recipe_to_preview(file, member)
    from seg.data.files_read import files_read_by_spec
    from seg.data.images.images import write_image
    from seg.files.outputs import Output
    from seg.train.preview import preview_crops as draw_preview

    reads = (file, *files_read_by_spec(data), *files_read_by_spec(recipe))
    with Output(output, reads, overwrite).writing() as final:
        sheet_hwc, suspicious = draw_preview(data, recipe, count)
        write_image(final, sheet_hwc)
    for crop in suspicious:
        typer.echo(f"warning: {crop.warning()}")
    typer.echo(f"{output}: written")
    suggest_opening(output)


@app.command("stats")
def data_stats_command(
    file: Annotated[Path, typer.Argument(metavar="SPEC", help="A dataset's or an ensemble's YAML.")],
    member: MemberName = None,
) -> None:
    """Measure the values of each band of the training images, and print `mean` and `std` for a recipe.

    For an ensemble, the bands and values are those that its first member sees, or --member.
    """
    from seg.data import open_split
    from seg.data.statistics import split_statistics
    from seg.spec import load_dataset, load_ensemble

    if _is_ensemble_yaml(file):
        spec = load_ensemble(file)
        data, own = spec.data, spec.recipe_of(chosen_members(file, spec, member)[0]).input
    elif member:
        raise SpecError(f"{file}: is a dataset, which has no members: remove --member")
    else:
        data, own = load_dataset(file), None
    try:
        seen = own.seen_of(data.pixel_range) if own else data.pixel_range
    except ValueError as error:
        raise SpecError(f"{file}: input: {error}") from error
    print_band_statistics(split_statistics(open_split(data, "train").samples, seen))


@app.command("import")
def data_import_command(
    form: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="labelme, label-studio, cvat, via, yolo, supervisely, mapillary, geojson or huggingface.",
        ),
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The dataset's folder, or its file.")],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a dataset of an annotation tool as COCO with a dataset YAML; images stay where they are.

    Prints what was dropped, such as points and lines, which have no area.
    """
    from seg.data.importers import import_dataset, parse_import_format

    report = import_dataset(parse_import_format(form), source, folder, overwrite=overwrite)
    for split, images in report.images.items():
        typer.echo(f"{split}: {pluralise(images, 'image')}, {pluralise(report.objects[split], 'object')}")
    typer.echo(f"classes: {printable_line(', '.join(report.classes))}")
    for what, count in sorted(report.dropped.items()):
        typer.echo(f"dropped: {count} x {printable_line(what)}")
    typer.echo(f"{folder / 'dataset.yaml'}: written")
    suggest_next(f"seg data check {folder / 'dataset.yaml'}")


def _data_and_recipe_to_preview(file: Path, member: str | None) -> "tuple[DatasetSpec, RecipeSpec]":
    from seg.spec import load_dataset, load_ensemble

    if not _is_ensemble_yaml(file):
        if member:
            raise SpecError(f"{file}: is a dataset, which has no members: remove --member")
        from seg.train.preview import whole_image_recipe

        data = load_dataset(file)
        return data, whole_image_recipe(data)
    spec = load_ensemble(file)
    trained = [one for one in chosen_members(file, spec, member) if one.has_recipe]
    if not trained:
        raise SpecError(f"{file}: {member or 'every member'} is trained already: there is nothing to train")
    return spec.data, spec.recipe_of(trained[0])


def _is_ensemble_yaml(file: Path) -> bool:
    """Whether a YAML is an ensemble's, which has `data` or `members`, rather than a dataset's."""
    from seg.spec.yaml.source import parse_yaml_file

    document = parse_yaml_file(file)
    return isinstance(document, dict) and bool({"data", "members"} & document.keys())
