"""Label maps in another size: each pixel has the label at its middle, by region."""

import numpy as np

from seg.data.regions.area_resampling import nearest_positions, resampled_rows_at_once
from seg.data.regions.label_raster import LabelRaster, size_of_labels
from seg.data.regions.region import Region, Size
from seg.labels.task import LabelMap


class ResizedLabels:
    """A label map, enlarged or made smaller without mixing labels."""

    def __init__(self, labels: LabelRaster, size_hw: Size) -> None:
        self._labels = labels
        self.shape = size_hw

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        region = Region.of_slices(place, self.shape)
        step = resampled_rows_at_once(region, self.shape, size_of_labels(self._labels))
        parts = [
            self._chosen(Region(top, region.left, step, region.width).intersection(region))
            for top in range(region.top, region.bottom, step)
        ]
        return np.concatenate(parts) if parts else self._labels[0:0, 0 : region.width]

    def _chosen(self, region: Region) -> LabelMap:
        of_hw = size_of_labels(self._labels)
        rows = nearest_positions(region.top, region.bottom, self.shape[0], of_hw[0])
        columns = nearest_positions(region.left, region.right, self.shape[1], of_hw[1])
        if not len(columns):
            return self._labels[0 : len(rows), 0:0]
        part_hw = self._labels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        chosen: LabelMap = part_hw[(rows - rows[0])[:, None], columns - columns[0]]
        return chosen


def resized_labels(labels: LabelRaster, size_hw: Size) -> LabelRaster:
    """A label map in another size; one of that size is left as it is, an array stays one."""
    if size_of_labels(labels) == size_hw:
        return labels
    resized = ResizedLabels(labels, size_hw)
    return resized[:, :] if isinstance(labels, np.ndarray) else resized
