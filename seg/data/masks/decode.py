"""The label map of an image from its masks, by the encoding that the dataset's YAML gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from seg.data.images.read_sample import size_of_sample
from seg.data.labelling import Labelling
from seg.data.masks.binary_masks import BinaryMasks, ClassMask, labels_of_class_masks
from seg.data.masks.colour_masks import ColourMasks
from seg.data.masks.index_masks import IndexMasks
from seg.data.masks.mask_raster import ClassMaskRaster, MaskRaster, open_large_mask
from seg.data.masks.mask_values import MaskValues, read_mask_values
from seg.data.pairing.find_masks import Masks
from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.split import Sample
from seg.labels.classes import Colour
from seg.labels.task import LabelMap, classes_overlap
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.dataset.masks import MasksSpec

_BLACK: Final[Colour] = (0, 0, 0)


class MaskDecoder(Protocol):
    """Decodes the masks of an image to its label map, `[H, W]`."""

    def labels(self, sample: Sample, masks: Masks) -> LabelMap:
        """The whole label map; raises DataError."""
        ...

    def open(self, masks: Masks) -> LabelRaster | None:
        """The label map by region, if the masks are large; raises DataError."""
        ...


def mask_decoder(dataset: DatasetSpec, masks: MasksSpec, labelling: Labelling) -> MaskDecoder:
    """What turns masks into labels: their files for each class, a threshold, colours, or ids."""
    if masks.of_class:
        label_of = {c.name: label for label, c in enumerate(labelling.classes)}
        return _ClassMaskDecoder(label_of, labelling, masks.of_class, masks.binary)
    if masks.binary is not None:
        return _BinaryMaskDecoder(BinaryMasks(masks.binary))
    index = IndexMasks(labelling, dataset.unlabelled_values, masks.divide)
    if masks.divide is not None:
        return _ValueMaskDecoder(index)
    value_of = _value_of_colour(dataset, labelling)
    if masks.tolerance is not None:
        return _ValueMaskDecoder(ColourMasks(value_of, labelling.dtype, masks.tolerance))
    return _IdOrColourMaskDecoder(index, ColourMasks(value_of, labelling.dtype) if value_of else None)


# Classes, not functions within functions, since splits are sent to the processes that load batches.


@dataclass(frozen=True, slots=True)
class _ClassMaskDecoder:
    """A file for each class."""

    label_of: Mapping[str, int]
    labelling: Labelling
    places: Mapping[str, Path]
    threshold: float | None

    def labels(self, sample: Sample, masks: Masks) -> LabelMap:
        return labels_of_class_masks(self._class_masks(masks), size_of_sample(sample), self.labelling)

    def open(self, masks: Masks) -> LabelRaster | None:
        named = {label: mask for label, mask in self._class_masks(masks).items() if mask.path.exists()}
        opened = {label: large for label, mask in named.items() if (large := open_large_mask(mask.path))}
        is_large = opened and len(opened) == len(named)
        return ClassMaskRaster(opened, named, self.labelling) if is_large else None

    def _class_masks(self, masks: Masks) -> dict[int, ClassMask]:
        return {
            self.label_of[name]: ClassMask(mask.path, self.places[name], self.threshold)
            for mask in masks
            if (name := mask.of_class) is not None
        }


@dataclass(frozen=True, slots=True)
class _BinaryMaskDecoder:
    """Two values, in a file for each image or each object."""

    binary: BinaryMasks

    def labels(self, _: Sample, masks: Masks) -> LabelMap:
        return self.binary.labels([mask.path for mask in masks])

    def open(self, masks: Masks) -> LabelRaster | None:
        opened = [large for mask in masks if (large := open_large_mask(mask.path))]
        return MaskRaster(opened, self.binary.labels_of) if len(opened) == len(masks) else None


@dataclass(frozen=True, slots=True)
class _ValueMaskDecoder:
    """Ids, or colours."""

    values: IndexMasks | ColourMasks

    def labels(self, _: Sample, masks: Masks) -> LabelMap:
        return self.values.labels(masks[0].path)

    def open(self, masks: Masks) -> LabelRaster | None:
        path = masks[0].path
        large = open_large_mask(path, palette=isinstance(self.values, ColourMasks))
        return MaskRaster([large], lambda values: self.values.labels_of(values[0], path)) if large else None


@dataclass(frozen=True, slots=True)
class _IdOrColourMaskDecoder:
    """Ids in masks of one channel, colours in those of three, if the classes have colours."""

    index: IndexMasks
    colours: ColourMasks | None

    def labels(self, _: Sample, masks: Masks) -> LabelMap:
        path = masks[0].path
        return self._labels_of(read_mask_values(path), path)

    def open(self, masks: Masks) -> LabelRaster | None:
        path = masks[0].path
        large = open_large_mask(path)
        return MaskRaster([large], lambda values: self._labels_of(values[0], path)) if large else None

    def _labels_of(self, values: MaskValues, path: Path) -> LabelMap:
        if values.ndim == 3 and self.colours:
            return self.colours.labels_of(values, path)
        return self.index.labels_of(values, path)


def _value_of_colour(dataset: DatasetSpec, labelling: Labelling) -> dict[Colour, int]:
    """The value of each colour that the YAML gives, without those that classes have by default."""
    value_of_name = {c.name: labelling.value_of(label) for label, c in enumerate(labelling.classes)}
    given = {entry.colour: value_of_name[entry.name] for entry in dataset.classes or () if entry.colour}
    if not given:
        return {}
    of_no_class = {_BLACK: labelling.unlabelled} if classes_overlap(dataset.task) else {}
    return {**of_no_class, **dict.fromkeys(dataset.unlabelled_colours, labelling.void), **given}
