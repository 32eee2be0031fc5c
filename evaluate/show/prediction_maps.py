"""`seg show` as a folder: zoomable maps of images, their labels, and predictions."""

from collections.abc import Callable, Sequence
from pathlib import Path

from seg.data import Sample, Split, open_split
from seg.data.images.read_sample import draw_sample, micrometres_of_sample, open_sample
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.resized_labels import resized_labels
from seg.engine import Ensemble
from seg.engine.submissions import SubmissionForSpec
from seg.errors import DataError
from seg.evaluate.show.chosen_images import ShownImage, choose_shown_images
from seg.evaluate.show.shrunk_images import shrunk_prediction
from seg.files.outputs import output_folder
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap
from seg.pictures.zoom_map import MapLayer, write_list_of_maps, write_zoom_map
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress


def map_ensemble_predictions(spec: EnsembleSpec, folder: Path, wanted: Sequence[str], count: int) -> None:
    """Write maps of images, with the ensemble's predictions and their labels, if there are any.

    Args:
        wanted: ids of images of the predict split, or paths of any images; if empty, `count` images spread
            over the split.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be loaded.
    """
    split = open_split(spec.data, "predict")
    shown = choose_shown_images(split, wanted, count)
    ensemble = Ensemble.load(spec)

    def labels_of(sample: Sample) -> LabelMap:
        return shrunk_prediction(ensemble, sample, step=1)

    _write_prediction_maps(spec, folder, split, shown, "ensemble", ensemble.classes, labels_of)


def map_submission_predictions(
    spec: EnsembleSpec, submission: Path, folder: Path, wanted: Sequence[str], count: int
) -> None:
    """Write the same maps with the label maps of a submission, without a model.

    Raises:
        DataError: an image or its labels cannot be read, or the submission is invalid or has no label map of
            an image.
    """
    known = SubmissionForSpec(spec)
    shown = choose_shown_images(known.split, wanted, count)
    ids = {one.sample.id for one in shown}
    found = {name: own for name, own in known.form().read(submission, known.size_of) if name in ids}

    def labels_of(sample: Sample) -> LabelMap:
        if sample.id not in found:
            raise DataError(f"{submission}: has no label map of the image {sample.id!r}")
        return found[sample.id]

    _write_prediction_maps(spec, folder, known.split, shown, submission.name, known.classes, labels_of)


def _write_prediction_maps(
    spec: EnsembleSpec,
    place: Path,
    split: Split,
    shown: Sequence[ShownImage],
    title: str,
    classes: Sequence[ClassInfo],
    labels_of: Callable[[Sample], LabelMap],
) -> None:
    """A map of each image, in a folder of its number, and a list of them."""
    clear = spec.data.background(classes)
    with output_folder(place) as folder, progress("maps", len(shown), unit="images") as advance:
        for number, one in enumerate(shown, start=1):
            image = draw_sample(one.sample) if one.sample.pixel_range else open_sample(one.sample)
            labels: dict[str, LabelRaster] = {title: labels_of(one.sample)}
            if spec.data.to_predict.labelled and one.index is not None:
                labels["labels"] = split.open_labels(one.index)
            layers = [
                MapLayer(name, resized_labels(own, image.shape[:2]), classes, spec.data.task, clear)
                for name, own in labels.items()
            ]
            write_zoom_map(
                folder / str(number), one.sample.id, image, layers, micrometres_of_sample(one.sample)
            )
            advance()
        write_list_of_maps(folder, [one.sample.id for one in shown])
