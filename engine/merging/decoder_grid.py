"""Low-resolution probabilities, merged on the decoders' grids of cells and upsampled once.

A network ends by interpolating logits linearly. Logarithms of probabilities are logits up to a constant,
which softmax removes. So merged probabilities are interpolated as logarithms: for a single pass this equals
the network's own output, and for many passes it costs one upsampling.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.merges import MeanMerge
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.passes.views import View
from seg.engine.runtimes.decoder_cut import CELLS, Decoder
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW

GRID: Final = max(CELLS)
"""Images are padded to multiples of it, so that every view has the same grid of cells."""

_LEAST: Final = np.finfo(np.float32).tiny
_Plane = NDArray[np.float32]


def padded_to_grid(image_hwc: ImageHWB) -> ImageHWB:
    """The image with its last row and column repeated until whole cells cover it."""
    below, right = (-extent % GRID for extent in image_hwc.shape[:2])
    if not below and not right:
        return image_hwc
    return np.pad(image_hwc, ((0, below), (0, right), (0, 0)), mode="edge")


def grid_of(size_hw: Size) -> Size:
    """The size of an image once it is padded to the grid."""
    height, width = (_up_to_multiple(extent, GRID) for extent in size_hw)
    return height, width


def restore_low_resolution(
    probabilities_chw: ProbabilitiesCHW, view: View, decoder: Decoder, size_hw: Size
) -> ProbabilitiesCHW:
    """A cut graph's probabilities for a view, in the image's orientation, cropped to its cells.

    Args:
        probabilities_chw: float32 `[C, h, w]`, with cells of the network's own padding.
        view: of the image, padded to the grid, without a scale.
        decoder: the resolution of the graph's output.
        size_hw: of the image.
    """
    rows, columns = _cells(view.size(grid_of(size_hw)), decoder)
    return view.invert(probabilities_chw[:, :rows, :columns])


class DecoderMerge:
    """The weighted mean of low-resolution probabilities, one grid for each kind of decoder.

    Takes the output of cut graphs, for views of an image that was padded to the grid.
    """

    def __init__(
        self, pass_order: PassOrder, decoders: Sequence[Decoder], classes: int, size_hw: Size
    ) -> None:
        """`decoders` holds one decoder for each member of the pass order."""
        self._pass_order = pass_order
        self._decoders = decoders
        self._size_hw = size_hw
        self._grid_hw = grid_of(size_hw)
        self._merges = {
            decoder: MeanMerge(pass_order, classes, _cells(self._grid_hw, decoder))
            for decoder in dict.fromkeys(decoders[planned.member] for planned in pass_order)
        }

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        decoder = self._decoders[planned.member]
        rows, columns = _cells(planned.view.size(self._grid_hw), decoder)
        self._merges[decoder].add(position, probabilities_chw[:, :rows, :columns])

    def merged(self) -> ProbabilitiesCHW:
        parts = [self._at_full_size(decoder, merge.sum_chw) for decoder, merge in self._merges.items()]
        total_chw = parts[0]
        for part_chw in parts[1:]:
            total_chw += part_chw
        total_chw /= total_chw.sum(axis=0)
        return total_chw

    def _at_full_size(self, decoder: Decoder, sum_chw: ProbabilitiesCHW) -> ProbabilitiesCHW:
        if decoder.cell == 1:
            return sum_chw[:, : self._size_hw[0], : self._size_hw[1]]
        return upsampled(sum_chw, decoder, self._grid_hw, self._size_hw)


def upsampled(sum_chw: ProbabilitiesCHW, decoder: Decoder, grid_hw: Size, size_hw: Size) -> ProbabilitiesCHW:
    """A weighted sum of probabilities of cells, interpolated to pixels in logarithms.

    Args:
        sum_chw: float32 `[C, h, w]`.
        grid_hw: the size that the cells cover.
        size_hw: the size of the result, cropped from the top left.

    Returns:
        float32 `[C, H, W]`; at each pixel the sum over C is that of the cells, interpolated.
    """
    rows, columns = (
        _Interpolation.of(cells, extent, wanted, decoder)
        for cells, extent, wanted in zip(sum_chw.shape[1:], grid_hw, size_hw, strict=True)
    )
    mass_hw = _interpolated(sum_chw.sum(axis=0), rows, columns)
    pixels_chw = np.empty((len(sum_chw), *size_hw), dtype=np.float32)
    for cells_hw, pixels_hw in zip(sum_chw, pixels_chw, strict=True):
        np.exp(_interpolated(np.log(np.maximum(cells_hw, _LEAST)), rows, columns), out=pixels_hw)
    pixels_chw *= mass_hw / pixels_chw.sum(axis=0)
    return pixels_chw


class _Interpolation(NamedTuple):
    """For each pixel along a side the two neighbouring cells, and the weight of the second, float32."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: NDArray[np.float32]

    @classmethod
    def of(cls, cells: int, extent: int, wanted: int, decoder: Decoder) -> Self:
        """For `wanted` pixels along a side that the network pads to its stride."""
        padded = _up_to_multiple(extent, decoder.stride)
        place = np.arange(wanted) * ((padded / decoder.cell - 1) / (padded - 1))
        # Beyond the image's last cell there is one of padding, but not in flipped views.
        first = np.minimum(place.astype(np.intp), cells - 1)
        second = np.minimum(first + 1, cells - 1)
        return cls(first, second, (place - first).astype(np.float32))


def _interpolated(cells_hw: _Plane, rows: _Interpolation, columns: _Interpolation) -> _Plane:
    """A plane of cells at all pixels; transposed in between, since gathering whole rows is fast."""
    on_columns_wh = _along_rows(np.ascontiguousarray(cells_hw.T), columns)
    return _along_rows(np.ascontiguousarray(on_columns_wh.T), rows)


def _along_rows(plane_hw: _Plane, rows: _Interpolation) -> _Plane:
    share_h1 = rows.share[:, None]
    near_hw: _Plane = plane_hw[rows.first]
    near_hw += (plane_hw[rows.second] - near_hw) * share_h1
    return near_hw


def _cells(size_hw: Size, decoder: Decoder) -> Size:
    height, width = size_hw
    return height // decoder.cell, width // decoder.cell


def _up_to_multiple(extent: int, step: int) -> int:
    return extent + -extent % step
