"""Low-resolution probabilities of single passes, for the cache."""

import numpy as np

from seg.data.images.raster import Raster
from seg.engine.member import Member
from seg.engine.merging.decoder_grid import padded_to_grid, restore_low_resolution
from seg.engine.passes.passes import Size
from seg.engine.passes.tiles import lay_out
from seg.engine.passes.views import VIEWS, View
from seg.engine.runtimes.decoder_cut import Decoder
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.spec.ensemble.prediction import TileSpec
from seg.views import ViewName


def low_resolution_pass(
    member: Member, decoder: Decoder, view: ViewName, image: Raster, tile: TileSpec | None
) -> ProbabilitiesCHW:
    """Run one view of an image through a member whose graph is cut at the end of its decoder.

    Returns:
        float32 `[T C, h, w]`, in the image's orientation: the classes of one tile after another.
    """
    layout = lay_out(image.shape[:2], tile)
    tiles = (_of_tile(member, decoder, VIEWS[view], one, layout.tile_hw) for one in layout.cut(image))
    return np.concatenate(list(tiles))


def _of_tile(
    member: Member, decoder: Decoder, view: View, tile_hwc: ImageHWC, size_hw: Size
) -> ProbabilitiesCHW:
    view_hwc = np.ascontiguousarray(view.apply(padded_to_grid(tile_hwc)))
    return restore_low_resolution(member.runtime.run(view_hwc[None])[0], view, decoder, size_hw)
