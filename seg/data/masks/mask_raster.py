"""Large masks by region: the values of TIFFs and PNGs, decoded to labels where they are asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from seg.data.images.band_file import BandFile
from seg.data.images.raster import open_large_file
from seg.data.labelling import Labelling
from seg.data.masks.binary_masks import ClassMask
from seg.data.masks.binary_threshold import mask_above_threshold
from seg.data.masks.mask_values import MaskValues, whole_number_mask
from seg.data.regions.region import Region, Size, grid_of_regions
from seg.errors import DataError
from seg.labels.task import LabelMap

_AT_ONCE = (2048, 2048)


class LargeMaskFile:
    """The pixel values of a large mask, `[H, W]` or colours `[H, W, 3]`, read by region."""

    def __init__(self, path: Path, file: BandFile, *, palette: bool) -> None:
        self._path = path
        self._file = file
        self._palette = file.palette if palette else None
        self.shape: Size = file.size_hw

    def __getitem__(self, place: tuple[slice, slice], /) -> MaskValues:
        bands = range(1, 4) if self._file.bands >= 3 else (1,)
        values_bhw = self._file.read(bands, Region.of_slices(place, self.shape))
        if self._palette is not None:
            return np.asarray(self._palette[values_bhw[0]])
        if len(values_bhw) > 1:
            return np.ascontiguousarray(values_bhw.transpose(1, 2, 0))
        try:
            return whole_number_mask(values_bhw[0])
        except ValueError as error:
            raise DataError(f"{self._path}: {error}") from error


def open_large_mask(path: Path, *, palette: bool = False) -> LargeMaskFile | None:
    """Open a mask to read it by region; None for those that are small enough to be decoded whole.

    Args:
        palette: whether the colours of a palette are read instead of its indexes.
    """
    file = open_large_file(path)
    return LargeMaskFile(path, file, palette=palette) if file else None


class MaskRaster:
    """The label map of masks of one image, decoded region by region."""

    def __init__(
        self, masks: Sequence[LargeMaskFile], decode: Callable[[Sequence[MaskValues]], LabelMap]
    ) -> None:
        self._masks = masks
        self._decode = decode
        self.shape = masks[0].shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        return self._decode([mask[place] for mask in self._masks])


class ClassMaskRaster:
    """The label map of a mask for each class; if a pixel has one class, the smaller mask is on top."""

    def __init__(
        self, masks: Mapping[int, LargeMaskFile], named: Mapping[int, ClassMask], labelling: Labelling
    ) -> None:
        self.shape = next(iter(masks.values())).shape
        self._labelling = labelling
        self._thresholds = {
            label: named[label].threshold_of(partial(_regions_of_mask, mask)) for label, mask in masks.items()
        }
        self._masks = sorted(masks.items(), key=lambda one: -_area_of_mask(one[1], self._thresholds[one[0]]))

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        labels_hw = self._labelling.blank(Region.of_slices(place, self.shape).size_hw)
        for label, mask in self._masks:
            mask_hw = mask_above_threshold(mask[place], self._thresholds[label])
            self._labelling.paint(labels_hw, mask_hw, label)
        return labels_hw


def _area_of_mask(mask: LargeMaskFile, threshold: float) -> int:
    return sum(
        int(np.count_nonzero(mask_above_threshold(values, threshold))) for values in _regions_of_mask(mask)
    )


def _regions_of_mask(mask: LargeMaskFile) -> Iterator[MaskValues]:
    return (mask[part.slices] for part in grid_of_regions(mask.shape, _AT_ONCE))
