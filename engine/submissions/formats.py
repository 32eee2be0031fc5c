"""Opening a submission format by name, and checks of ids and class ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast, get_args

from seg.data import Sample
from seg.engine.submissions.base import SubmissionFormat
from seg.engine.submissions.coco.coco_results import CocoResults
from seg.engine.submissions.coco.panoptic import CocoPanoptic
from seg.engine.submissions.full_size import FullSizeFormat, full_sizes_of_samples
from seg.engine.submissions.masks import geotiff, npz, png_folder
from seg.engine.submissions.masks.bit_values import BitValues
from seg.engine.submissions.masks.class_png_folder import ClassPngFolder
from seg.engine.submissions.masks.geojson import GeoJsonFolder
from seg.engine.submissions.masks.geotiff import GeoTiffFolder, ImageOf, check_georeferences
from seg.engine.submissions.masks.npz import NpzFile
from seg.engine.submissions.masks.pixel_values import PixelTypes, PixelValues
from seg.engine.submissions.masks.png_folder import PngFolder
from seg.engine.submissions.tables.open_table import open_table
from seg.engine.submissions.tables.pixel_table import PixelTable
from seg.engine.submissions.tables.run_length_table import RunLengthTable
from seg.engine.submissions.tables.table_format import TableFormat
from seg.errors import DataError, SpecError
from seg.files.file_names import check_file_names
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.spec.base import did_you_mean
from seg.spec.ensemble.output import FULL_SIZE_FORMATS, ONE_CLASS_FORMATS, Format, OutputSpec

FILE_FORMATS: Final[Mapping[Format, str]] = {
    "coco-panoptic": ".png",
    "png": ".png",
    "class-png": ".png",
    "npz": ".npy",
    "geotiff": ".tif",
    "geojson": ".geojson",
}
"""The file suffix of formats with a file for each image, in a folder or an archive."""


def open_submission_format(
    output: OutputSpec,
    classes: Sequence[ClassInfo],
    unlabelled: str,
    image_of: ImageOf,
    samples: Sequence[Sample] = (),
    *,
    task: Task = "multiclass",
) -> SubmissionFormat:
    """The format of a spec's output.

    Args:
        unlabelled: the class of pixels without a label, or `ignore`.
        image_of: the path of an image by its id, for formats that copy metadata from it.
        samples: the images of the submission.
        task: what a pixel can be.

    Raises:
        SpecError: the format has one class a pixel, and classes overlap.
        MissingRuntimeError: the format needs a package that is not installed.
        DataError: the sample is for other images or classes, two classes have one id, or an id is too large.
    """
    _refuse_shared_class_ids(classes)

    def table() -> TableFormat:
        return open_table(output, classes, unlabelled, samples)

    def run_lengths() -> SubmissionFormat:
        return RunLengthTable(len(classes), table(), [sample.id for sample in samples], task)

    def pixel_values(types: PixelTypes, most_bits: int) -> PixelValues | BitValues:
        return BitValues(classes, most_bits) if overlap else PixelValues(classes, output.values, types)

    overlap = classes_overlap(task)
    if overlap and output.format in ONE_CLASS_FORMATS:
        raise SpecError(f"format {output.format} has one class a pixel, and 'task: {task}' may have several")
    is_scaled = output.size is None and any(sample.scale for sample in samples)
    full_size_of = full_sizes_of_samples(samples) if is_scaled else None
    formats: dict[Format, Callable[[], SubmissionFormat]] = {
        "kaggle": run_lengths,
        "kaggle-per-image": run_lengths,
        "pixels": lambda: PixelTable(classes, table()),
        "coco": lambda: CocoResults(classes, unlabelled, samples, task),
        "coco-panoptic": lambda: CocoPanoptic(classes, samples),
        "png": lambda: PngFolder(pixel_values(png_folder.TYPES, png_folder.MOST_BITS)),
        "class-png": lambda: ClassPngFolder(classes, unlabelled, task),
        "npz": lambda: NpzFile(pixel_values(npz.TYPES, npz.MOST_BITS)),
        "geotiff": lambda: GeoTiffFolder(image_of, pixel_values(geotiff.TYPES, geotiff.MOST_BITS)),
        "geojson": lambda: GeoJsonFolder(classes, unlabelled, image_of, output.simplify, task, full_size_of),
    }
    form = formats[output.format]()
    if full_size_of is None or output.format not in FULL_SIZE_FORMATS or output.format == "geojson":
        return form
    return FullSizeFormat(form, full_size_of)


def check_images_suit_format(name: Format, place_of: Mapping[str, str]) -> None:
    """Check that a format can hold images, before they are predicted.

    Args:
        name: of the format.
        place_of: the path or URI of each image by its id.

    Raises:
        OutputError: the format names files after ids, and two file names would be the same.
        DataError: the format is georeferenced, and an image that is a file is not.
        MissingRuntimeError: the format needs a package that is not installed.
    """
    if name in FILE_FORMATS:
        check_file_names(place_of, FILE_FORMATS[name])
    if name == "geotiff":
        check_georeferences(place for place in place_of.values() if "://" not in place)


def _refuse_shared_class_ids(classes: Sequence[ClassInfo]) -> None:
    name_of: dict[int, str] = {}
    for c in classes:
        if c.id in name_of:
            raise DataError(
                f"classes {name_of[c.id]!r} and {c.name!r} both have the id {c.id}: give each its own"
            )
        name_of[c.id] = c.name


def parse_submission_format(text: str) -> Format:
    """Check a format's name; raises SpecError with the nearest name."""
    names = get_args(Format)
    if text not in names:
        raise SpecError(f"unknown format {text!r}: {did_you_mean(text, names)}")
    return cast(Format, text)
