"""Low-resolution probabilities, merged on the decoders' grids and upsampled once, linearly.

Both steps are linear, so they give the same as upsampling every pass and merging at the image. What holds of
a mean of passes holds here, too: what may change while passes are missing, and classes that overlap.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.merges import MeanMerge, normalise_merged
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.passes.views import VIEWS, View
from seg.engine.runtimes.base import Runtime
from seg.engine.runtimes.decoder_cut import GRID, Decoder
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import Task

_Plane = NDArray[np.float32]
_Places = NDArray[np.float64]


def pad_to_decoder_grid(image_hwc: ImageHWB) -> ImageHWB:
    """The image with its last row and column repeated up to multiples of the grid."""
    below, right = (-extent % GRID for extent in image_hwc.shape[:2])
    if not below and not right:
        return image_hwc
    return np.pad(image_hwc, ((0, below), (0, right), (0, 0)), mode="edge")


def size_on_decoder_grid(size_hw: Size) -> Size:
    """The size of an image once it is padded to the grid."""
    height, width = (_up_to_grid_multiple(extent, GRID) for extent in size_hw)
    return height, width


def run_to_decoder_grid(
    runtime: Runtime, decoder: Decoder, view: View, image_hwc: ImageHWB
) -> ProbabilitiesCHW:
    """Run one view of an image through a cut graph: float32 `[C, h, w]`, upright, on the decoder's grid."""
    view_hwc = np.ascontiguousarray(view.apply(pad_to_decoder_grid(image_hwc)))
    return restore_on_decoder_grid(runtime.run(view_hwc[None])[0], view, decoder, image_hwc.shape[:2])


def restore_on_decoder_grid(
    probabilities_chw: ProbabilitiesCHW, view: View, decoder: Decoder, size_hw: Size
) -> ProbabilitiesCHW:
    """A cut graph's probabilities for a view, in the image's orientation, on its decoder grid.

    Args:
        probabilities_chw: float32 `[C, h, w]`.
        view: of the image, padded to the grid. Those with a scale are interpolated on the image's grid.
        decoder: the resolution of the graph's output.
        size_hw: of the image.
    """
    if view.scale == 1:
        return view.invert(probabilities_chw)
    grid_hw = size_on_decoder_grid(size_hw)
    seen_hw = grid_hw[::-1] if view.transposes else grid_hw
    sides = [
        _GridInterpolation.of(
            _places_in_scaled_view(_decoder_pixel_places(extent, decoder), extent, scaled), scaled, decoder
        )
        for extent, scaled in zip(seen_hw, view.size(grid_hw), strict=True)
    ]
    return view.invert(_interpolate_decoder_grid(probabilities_chw, *sides))


class DecoderMerge:
    """The weighted mean of low-resolution probabilities, one grid for each kind of decoder.

    Takes the output of cut graphs, for views of an image that was padded to the grid.
    """

    def __init__(
        self,
        pass_order: PassOrder,
        decoders: Sequence[Decoder],
        classes: int,
        size_hw: Size,
        task: Task = "multiclass",
    ) -> None:
        """`decoders` holds one decoder for each member of the pass order."""
        self._pass_order = pass_order
        self._decoders = decoders
        self._size_hw = size_hw
        self._task = task
        upright = [replace(planned, view=VIEWS["identity"]) for planned in pass_order]
        self._merges = {
            decoder: MeanMerge(upright, classes, _output_size_of_grid(size_on_decoder_grid(size_hw), decoder))
            for decoder in dict.fromkeys(decoders[planned.member] for planned in pass_order)
        }

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        decoder = self._decoders[planned.member]
        upright_chw = restore_on_decoder_grid(probabilities_chw, planned.view, decoder, self._size_hw)
        self._merges[decoder].add(position, np.ascontiguousarray(upright_chw))

    @property
    def sum_chw(self) -> ProbabilitiesCHW:
        """The weighted sum of probabilities so far, at the size of the image; computed each time."""
        parts = (
            upsample_from_decoder_grid(merge.sum_chw, decoder, self._size_hw)
            for decoder, merge in self._merges.items()
        )
        total_chw = next(parts)
        for part_chw in parts:
            total_chw += part_chw
        return total_chw

    @property
    def missing_c(self) -> NDArray[np.float64]:
        """See `MeanMerge`."""
        return np.asarray(1 - np.sum([1 - merge.missing_c for merge in self._merges.values()], axis=0))

    def merged(self) -> ProbabilitiesCHW:
        return normalise_merged(self.sum_chw, self._pass_order, self.missing_c, self._task)


def upsample_from_decoder_grid(
    outputs_chw: ProbabilitiesCHW, decoder: Decoder, size_hw: Size
) -> ProbabilitiesCHW:
    """Decoder outputs interpolated at the image's pixels, float32 `[C, H, W]`: a new array."""
    if decoder.upsampling == 1:
        return outputs_chw[:, : size_hw[0], : size_hw[1]].copy()
    sides = [
        _GridInterpolation.of(np.arange(wanted, dtype=np.float64), extent, decoder)
        for wanted, extent in zip(size_hw, size_on_decoder_grid(size_hw), strict=True)
    ]
    return _interpolate_decoder_grid(outputs_chw, *sides)


class _GridInterpolation(NamedTuple):
    """For each place along a side the decoder pixel at or before it, and the weight of the next, float32."""

    first: NDArray[np.intp]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, places: _Places, extent: int, decoder: Decoder) -> Self:
        """For places in pixels along a side of an image of that extent, which the network pads."""
        positions = np.maximum(places / _decoder_pixel_spacing(extent, decoder), 0)
        first = positions.astype(np.intp)
        return cls(first, (positions - first).astype(np.float32))


def _decoder_pixel_spacing(extent: int, decoder: Decoder) -> float:
    """Image pixels from one decoder pixel to the next; the outermost of both coincide, after padding."""
    padded = _up_to_grid_multiple(extent, decoder.stride)
    return (padded - 1) / (padded / decoder.upsampling - 1)


def _decoder_pixel_places(extent: int, decoder: Decoder) -> _Places:
    """The places of all decoder pixels along a side that the network does not pad, in image pixels."""
    return np.linspace(0, extent - 1, extent // decoder.upsampling)


def _places_in_scaled_view(places: _Places, extent: int, scaled: int) -> _Places:
    """Places along a side after it was resized, as OpenCV does, where pixels are areas."""
    return np.minimum((places + 0.5) * (scaled / extent) - 0.5, scaled - 1)


def _interpolate_decoder_grid(
    outputs_chw: ProbabilitiesCHW, rows: _GridInterpolation, columns: _GridInterpolation
) -> ProbabilitiesCHW:
    """Planes of decoder outputs at all pairs of places."""
    found_chw = np.empty((len(outputs_chw), len(rows.first), len(columns.first)), dtype=np.float32)
    for outputs_hw, found_hw in zip(outputs_chw, found_chw, strict=True):
        # Transposed in between, since gathering whole rows is fast.
        on_columns_wh = _interpolate_decoder_rows(np.ascontiguousarray(outputs_hw.T), columns)
        found_hw[:] = _interpolate_decoder_rows(np.ascontiguousarray(on_columns_wh.T), rows)
    return found_chw


def _interpolate_decoder_rows(plane_hw: _Plane, rows: _GridInterpolation) -> _Plane:
    last = len(plane_hw) - 1
    near_hw: _Plane = plane_hw[np.minimum(rows.first, last)]
    near_hw += (plane_hw[np.minimum(rows.first + 1, last)] - near_hw) * rows.weight[:, None]
    return near_hw


def _output_size_of_grid(size_hw: Size, decoder: Decoder) -> Size:
    height, width = size_hw
    return height // decoder.upsampling, width // decoder.upsampling


def _up_to_grid_multiple(extent: int, step: int) -> int:
    return extent + -extent % step
