"""`seg calibrate`: calibrate early exit on images that run through all passes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg import ranges
from seg.commands.options.shared import SpecPath, print_table
from seg.errors import SpecError
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg.engine.jobs.calibration.cross_validate import EarlyExitEffect
    from seg.spec import EnsembleSpec

DEFAULT_TOLERANCE = 0.005


def calibrate_command(
    path: SpecPath,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=ranges.TOLERANCE.least,
            max=ranges.TOLERANCE.most,
            help="The share of labels that may differ from the full ensemble's, on average."
            f"  [default: what the spec says, or {DEFAULT_TOLERANCE}]",
        ),
    ] = None,
    split: Annotated[
        Literal["val", "predict"],
        typer.Option(help="The split whose images are used: validation, or the images to predict."),
    ] = "val",
    count: Annotated[
        int | None,
        typer.Option(
            min=2, max=ranges.IMAGES.most, help="Use this many images, drawn at random.  [default: all]"
        ),
    ] = None,
    units: Annotated[
        Literal["images", "tiles"] | None,
        typer.Option(
            help="What counts as one where the spec has `tile`: images, or their tiles, which is right if"
            " tiles to predict are like tiles drawn at random from these images."
            "  [default: as the last calibration, or images]",
        ),
    ] = None,
) -> None:
    """Run images through all passes, and write into the spec when an image needs no further pass.

    No labels are needed; more images save more passes. The table shows the passes saved and the labels
    changed on images that the calibration had not seen.
    """
    from seg.labels.task import classes_overlap
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    if classes_overlap(spec.data.task):
        raise SpecError(
            f"{path}: has 'task: {spec.data.task}', and early exit, which seg calibrate calibrates, is for"
            " one class a pixel: it compares the two most probable"
        )
    calibrate_stopping(path, spec, tolerance, split, count, units)
    suggest_next(f"seg ensemble {path}")


def calibrate_stopping(
    path: Path,
    spec: "EnsembleSpec",
    tolerance: float | None = None,
    split: Literal["val", "predict"] = "val",
    count: int | None = None,
    units: Literal["images", "tiles"] | None = None,
) -> None:
    """Write the calibration into the file that the spec was read from, and print what it would have saved."""
    from seg.engine.jobs.calibration.calibrate import calibrate_ensemble
    from seg.engine.jobs.calibration.cross_validate import TOLERANCES, cross_validate_calibration
    from seg.spec.ensemble.prediction import StoppingSpec
    from seg.spec.yaml.edit import write_under_key
    from seg.terminal.words import pluralise

    known = spec.stopping or StoppingSpec()
    tolerance = (known.tolerance or DEFAULT_TOLERANCE) if tolerance is None else tolerance
    units = units or ("tiles" if known.calibration and known.calibration.tiles else "images")
    calibration, traces = calibrate_ensemble(spec, split, count, units, tolerance)
    written = calibration.model_dump(exclude_none=True)
    write_under_key(path, "stopping", {"tolerance": tolerance, "calibration": written})
    images = pluralise(calibration.images, "image")
    if calibration.tiles:
        images += f" in {pluralise(calibration.tiles, 'tile')}"
    groups = calibration.groups or calibration.images
    if groups > 1:
        _print_calibration_outcomes(
            cross_validate_calibration(traces, sorted({*TOLERANCES, tolerance}), units), images, groups
        )
    elif calibration.images > 1:
        typer.echo(
            f"{images} in one group, which counts as one: little is saved; seg calibrate --split predict uses"
            " the images to predict"
        )
    typer.echo(f"{path}: stopping written: tolerance {tolerance:g}, {images}")


def _print_calibration_outcomes(outcomes: "Sequence[EarlyExitEffect]", images: str, groups: int) -> None:
    print_table(
        f"{images}: each of {groups} groups, calibrated on the other {groups - 1}",
        ("tolerance", "saved for certain", "saved", "labels changed", "in the worst image"),
        [
            (
                f"{one.tolerance:.1%}",
                f"{one.saved_in_worst_case:.1%}",
                f"{one.saved:.1%}",
                f"{one.changed:.3%}",
                f"{one.worst:.3%}",
            )
            for one in outcomes
        ],
    )
