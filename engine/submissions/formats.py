"""Formats by name."""

from collections.abc import Callable, Sequence
from typing import cast, get_args

from seg.classes import ClassInfo
from seg.engine.submissions.base import SubmissionFormat
from seg.engine.submissions.coco_results import CocoResults
from seg.engine.submissions.geotiff import GeoTiffFolder, ImageOf
from seg.engine.submissions.kaggle_rle import RowPerImage, RowPerImageAndClass
from seg.engine.submissions.npz import NpzFile
from seg.engine.submissions.panoptic import CocoPanoptic
from seg.engine.submissions.pixel_strings import PixelStrings
from seg.engine.submissions.png_folder import PngFolder
from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.spec.output import Format, RleSpec


def open_format(
    name: Format, classes: Sequence[ClassInfo], unlabelled: str, rle: RleSpec, image_of: ImageOf
) -> SubmissionFormat:
    """The format of that name.

    Args:
        unlabelled: the class that pixels without a label have, or `ignore`.
        image_of: the images by their ids, for what a format takes over from them.

    Raises:
        MissingRuntimeError: the format needs what is not installed.
    """
    formats: dict[Format, Callable[[], SubmissionFormat]] = {
        "kaggle": lambda: RowPerImageAndClass(classes, unlabelled, rle),
        "kaggle-per-image": lambda: RowPerImage(classes, unlabelled, rle),
        "pixels": lambda: PixelStrings(classes),
        "coco": lambda: CocoResults(classes, unlabelled),
        "coco-panoptic": lambda: CocoPanoptic(classes),
        "png": lambda: PngFolder(classes),
        "npz": NpzFile,
        "geotiff": lambda: GeoTiffFolder(classes, image_of),
    }
    return formats[name]()


def format_of(text: str) -> Format:
    """A format's name, checked; raises SpecError with the nearest one."""
    names = get_args(Format)
    if text not in names:
        raise SpecError(f"there is no format {text!r}: {did_you_mean(text, names)}")
    return cast(Format, text)
