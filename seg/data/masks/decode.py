"""The label map of an image from its masks, by the encoding that the dataset's YAML gives."""

from collections.abc import Callable, Mapping
from pathlib import Path

from seg.classes import Colour
from seg.data.decoding import upright_size
from seg.data.image_files import bytes_of
from seg.data.labelling import Labelling
from seg.data.masks.binary_masks import BinaryMasks, labels_of_classes
from seg.data.masks.colour_masks import ColourMasks
from seg.data.masks.index_masks import IndexMasks
from seg.data.masks.mask_values import read_mask_values
from seg.data.pairing.find_masks import Masks
from seg.errors import DataError
from seg.labels import LabelsHW
from seg.spec.dataset import DatasetSpec
from seg.spec.masks import MasksSpec

DecodeMasks = Callable[[Path, Masks], LabelsHW]
"""Decodes the masks of an image to its label map, uint8 `[H, W]`; raises DataError."""


def mask_decoder(dataset: DatasetSpec, masks: MasksSpec, labelling: Labelling) -> DecodeMasks:
    """What turns masks into labels: their files for each class, a threshold, colours, or ids."""
    if masks.of_class:
        return _by_class(labelling)
    if masks.binary is not None:
        binary = BinaryMasks(masks.binary)
        return lambda _, own: binary.labels([mask.path for mask in own])
    index = IndexMasks(labelling, dataset.unlabelled_values, masks.divide)
    if masks.divide is not None:
        return lambda _, own: index.labels(own[0].path)
    label_of = _label_of_colour(dataset, labelling)
    if masks.tolerance is not None:
        colours = ColourMasks(label_of, masks.tolerance)
        return lambda _, own: colours.labels(own[0].path)
    return _by_content(index, label_of)


def _by_content(index: IndexMasks, label_of: Mapping[Colour, int]) -> DecodeMasks:
    """Ids in masks of one channel, colours in those of three, if the classes have colours."""
    colours = ColourMasks(label_of) if label_of else None

    def decode(_: Path, masks: Masks) -> LabelsHW:
        path = masks[0].path
        values = read_mask_values(path)
        if values.ndim == 3 and colours:
            return colours.labels_of(values, path)
        return index.labels_of(values, path)

    return decode


def _by_class(labelling: Labelling) -> DecodeMasks:
    label_of = {c.name: label for label, c in enumerate(labelling.classes)}

    def decode(image: Path, masks: Masks) -> LabelsHW:
        paths = {label_of[mask.of_class]: mask.path for mask in masks if mask.of_class is not None}
        try:
            size_hw = upright_size(bytes_of(image))
        except ValueError as error:
            raise DataError(f"{image}: {error}") from error
        return labels_of_classes(paths, size_hw, labelling.unlabelled)

    return decode


def _label_of_colour(dataset: DatasetSpec, labelling: Labelling) -> dict[Colour, int]:
    """The label of each colour that the YAML gives, without those that classes have by default."""
    label_of_name = {c.name: label for label, c in enumerate(labelling.classes)}
    given = {entry.colour: label_of_name[entry.name] for entry in dataset.classes or () if entry.colour}
    return {**dict.fromkeys(dataset.unlabelled_colours, labelling.unlabelled), **given} if given else {}
