"""One split of a dataset YAML: its images, and where their labels are."""

from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from seg.spec.base import LocalPath, Spec, one_or_several
from seg.spec.dataset.labels_table import LabelsTableSpec
from seg.spec.dataset.masks import MasksSpec
from seg.terminal.notices import notice

_LABELS: Final = {"annotations": "annotations (COCO)", "masks": "masks", "labels": "labels (run lengths)"}

ImagePaths = Annotated[tuple[LocalPath, ...], one_or_several(str), Field(min_length=1)]


class SplitSpec(Spec):
    """Images, with labels as a COCO JSON, as masks, or as a table of run lengths.

    A split without labels can be predicted, but not trained on; see `seg.data.splits.list_samples`.
    """

    images: ImagePaths
    """A folder, or several. Without COCO annotations also a pattern, which may have placeholders
    (`photos/**/*.jpg`, `{city}/{name}_leftImg8bit.png`), or a list (`.txt`, `.csv`).
    """
    list: LocalPath | None = None
    """A list (`.txt`, `.csv`) that chooses among the images, by id, file name or path, in its order."""
    id: str | None = None
    """An image's id, of the placeholders of `images`: `case{c}_day{d}_slice_{s}`. Default: the file name
    without ending, or the path where that is not unique.
    """
    annotations: LocalPath | None = None
    """A COCO JSON. For images without labels, the JSON that gives their COCO ids."""
    masks: MasksSpec | None = None
    """A folder (for `images/a/b.jpg` it holds `a/b.png`), a pattern (`{stem}_mask.png`), or a mapping."""
    labels: LabelsTableSpec | None = None
    """A table of run lengths, a CSV, or a mapping."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        if isinstance(value, dict) and "ids" in value and "list" not in value:
            notice("data: 'ids' is called 'list' now, and will be unknown in the next release: rename it")
            return {"list" if key == "ids" else key: inner for key, inner in value.items()}
        return value

    @model_validator(mode="after")
    def _one_kind_of_label(self) -> Self:
        given = [name for name in _LABELS if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{_LABELS[given[0]]} and {_LABELS[given[1]]} exclude each other: keep one")
        if self.annotations and (self.list or self.id or len(self.images) > 1):
            raise ValueError(
                "a COCO JSON lists its images itself: remove 'list' and 'id', and name one folder of images"
            )
        return self

    @model_validator(mode="after")
    def _a_folder_of_masks_for_each_of_images(self) -> Self:
        if self.masks and self.masks.to and len(self.masks.to) not in {1, len(self.images)}:
            raise ValueError(
                f"there are {len(self.images)} folders of images and {len(self.masks.to)} of masks: give one"
                " of masks for each of images, in the same order"
            )
        return self

    @property
    def labelled(self) -> bool:
        return any(getattr(self, name) for name in _LABELS)

    @property
    def place(self) -> Path:
        """The labels or, without labels, the images, for messages."""
        if self.labels:
            return self.labels.file
        return self.annotations or (self.masks.place if self.masks else self.images[0])
