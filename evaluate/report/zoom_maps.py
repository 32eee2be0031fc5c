"""Zoomable maps of a report's worst images, in a folder beside it, if they are larger than its pictures."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np

from seg.data.images.read_sample import draw_sample, micrometres_of_sample, size_of_sample
from seg.evaluate.report.findings import ReportFindings
from seg.evaluate.report.image_layers import UNKNOWN, WRONG
from seg.evaluate.report.image_view import ImageView, view_image
from seg.files.outputs import output_folder
from seg.labels.classes import ClassInfo
from seg.labels.label_map import LabelsHW
from seg.pictures.zoom_map import MapLayer, write_zoom_map
from seg.terminal.progress import progress

MAPS: Final = 3
"""So many of the worst images have a map."""

LEAST_SIDE: Final = 1280
"""The longer side of an image from which on it has one; pictures of the report have at most 640 columns."""

_ERRORS: Final = tuple(
    ClassInfo(id=number, name=name, colour=colour)
    for number, (name, colour) in enumerate(
        [("right", (0, 0, 0)), ("wrong", WRONG[:3]), ("without a label", UNKNOWN[:3])]
    )
)


def zoom_maps_folder(report: Path) -> Path:
    """The folder of the maps of a report: `report_maps` for `report.html`, another for `report.htm`."""
    name = report.stem if report.suffix == ".html" else report.name
    return report.with_name(f"{name}_maps")


def write_zoom_maps(findings: ReportFindings, report: Path, clear: int | None) -> dict[int, str]:
    """Write maps of the worst images that are large enough; no folder if none is.

    Args:
        clear: the label that is not drawn.

    Returns:
        The address of each image's map, relative to the report, by the image's position in the split.

    Raises:
        DataError: an image or its labels cannot be read.
    """
    samples = findings.passes.split.samples
    notes = sorted(findings.scores.notes, key=lambda note: np.nan_to_num(note.score, nan=2.0))
    worst = [note.index for note in notes if max(size_of_sample(samples[note.index])) >= LEAST_SIDE][:MAPS]
    if not worst:
        return {}
    maps = zoom_maps_folder(report)
    with output_folder(maps) as folder, progress("maps", len(worst), unit="images") as advance:
        for place, index in enumerate(worst, start=1):
            _write_zoom_map_of_image(findings, index, folder / str(place), clear)
            advance()
    return {index: quote(f"{maps.name}/{place}/index.html") for place, index in enumerate(worst, start=1)}


def _write_zoom_map_of_image(findings: ReportFindings, index: int, folder: Path, clear: int | None) -> None:
    sample, predictors = findings.passes.split.samples[index], findings.predictors
    view = view_image(findings.passes, predictors, index, (predictors.ensemble.viewed,))
    layers = [
        MapLayer("ensemble", view.ensemble_hw, findings.classes, view.task, clear),
        MapLayer("truth", view.truth_hw, findings.classes, view.task, clear),
        MapLayer("errors", _error_labels(view), _ERRORS, clear=0),
    ]
    write_zoom_map(folder, sample.id, draw_sample(sample), layers, pixel_um=micrometres_of_sample(sample))


def _error_labels(view: ImageView) -> LabelsHW:
    """1 where the ensemble is wrong, 2 where there is no truth, else 0."""
    return np.where(view.known_hw, view.wrong_hw.astype(np.uint8), np.uint8(2))
