"""Low-resolution probabilities of single passes, for the cache."""

import numpy as np

from seg.data.images.raster import Raster
from seg.engine.member import Member
from seg.engine.merging.decoder_grid import run_to_decoder_grid
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.decoder_cut import Decoder
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import TileSpec
from seg.views import ViewName


def low_resolution_pass(
    member: Member, decoder: Decoder, view: ViewName, image: Raster, tile: TileSpec | None
) -> ProbabilitiesCHW:
    """Run one view of an image through a member whose graph is cut at the end of its decoder.

    Returns:
        float32 `[T C, h, w]`, in the image's orientation: the classes of one tile after another.
    """
    tiles = lay_out_tiles(image.shape[:2], tile).cut(image)
    return np.concatenate([run_to_decoder_grid(member.runtime, decoder, VIEWS[view], one) for one in tiles])
