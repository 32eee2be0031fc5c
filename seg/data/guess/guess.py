"""Tell a folder's layout: by annotation files, COCO JSONs, masks, or tables of run lengths."""

from pathlib import Path

from seg.data.guess.annotations import guess_annotations
from seg.data.guess.coco import guess_coco
from seg.data.guess.depth import with_pixel_range
from seg.data.guess.masks.mask_folders import guess_masks, guess_objects
from seg.data.guess.result import Guess
from seg.data.guess.survey import survey
from seg.data.guess.tables import guess_tables
from seg.errors import DataError

__all__ = ["Guess", "guess_dataset"]


def guess_dataset(folder: Path) -> Guess:
    """The layout of a folder, and the dataset YAML for it.

    Raises:
        DataError: the folder is missing, or has no layout that is known.
    """
    found = survey(folder.absolute())
    for recognise in (guess_coco, guess_masks, guess_objects, guess_annotations, guess_tables):
        if (guess := recognise(found)) is not None:
            return with_pixel_range(guess)
    raise DataError(
        f"{folder}: no labels are recognised: seg reads COCO JSONs, masks beside images or in a folder of"
        " their own, and tables of run lengths, and imports those of annotation tools"
    )
