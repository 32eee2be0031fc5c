"""Tiles against a sum over the whole image at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.passes.device_values import merged_on_host
from seg.engine.passes.tiles import TileBlender, lay_out_tiles
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import Blend, TileSpec

side = st.integers(1, 40)
tile_side = st.integers(1, 12)
overlaps = st.sampled_from([0.0, 0.25, 0.5, 0.75])
blends = st.sampled_from(["gaussian", "uniform"])


def spec_of(height: int, width: int, overlap: float, blend: Blend) -> TileSpec:
    return TileSpec(size=(height, width), overlap=overlap, blend=blend)


@given(height=side, width=side, th=tile_side, tw=tile_side, overlap=overlaps, blend=blends)
def test_tiles_are_of_one_size_cover_all_and_overlap_as_asked(
    height: int, width: int, th: int, tw: int, overlap: float, blend: Blend
) -> None:
    layout = lay_out_tiles((height, width), spec_of(th, tw, overlap, blend))
    image = np.arange(height * width * 3).reshape(height, width, 3).astype(np.uint8)
    tiles = list(layout.cut(image))
    assert len(tiles) == layout.count
    assert {tile.shape[:2] for tile in tiles} == {(min(th, height), min(tw, width))}
    assert all(np.shares_memory(tile, image) for tile in tiles)
    for line in (layout.rows, layout.columns):
        assert line.starts[0] == 0
        assert line.starts[-1] + line.length == line.extent
        steps = np.diff(line.starts)
        assert (steps >= 1).all()
        assert (steps <= max(1, line.length * (1 - overlap)) + 1).all()
        total = np.zeros(line.extent)
        for start, weights in zip(line.starts, line.weights, strict=True):
            assert (weights > 0).all()
            total[start : start + line.length] += weights
        np.testing.assert_allclose(total, 1, atol=1e-5)


def gaussian(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    y = (np.arange(height) - (height - 1) / 2) / (height / 8)
    x = (np.arange(width) - (width - 1) / 2) / (width / 8)
    return np.exp(-(y[:, None] ** 2 + x[None] ** 2) / 2)


@given(
    height=side,
    width=side,
    th=tile_side,
    tw=tile_side,
    overlap=overlaps,
    blend=blends,
    seed=st.integers(0, 9),
)
def test_blending_is_the_weighted_mean_over_tiles(
    height: int, width: int, th: int, tw: int, overlap: float, blend: Blend, seed: int
) -> None:
    layout = lay_out_tiles((height, width), spec_of(th, tw, overlap, blend))
    tile_hw = layout.tile_hw
    answers = np.random.default_rng(seed).random((layout.count, 2, *tile_hw)).astype(np.float32)

    window = gaussian(*tile_hw) if blend == "gaussian" else np.ones(tile_hw)
    total = np.zeros((2, height, width))
    weight = np.zeros((height, width))
    places = [(top, left) for top in layout.rows.starts for left in layout.columns.starts]
    for (top, left), answer in zip(places, answers, strict=True):
        inside = (slice(top, top + tile_hw[0]), slice(left, left + tile_hw[1]))
        total[:, *inside] += window * answer
        weight[inside] += window

    strips: list[ProbabilitiesCHW] = []
    blender = TileBlender(layout, lambda chw: strips.append(np.array(merged_on_host(chw))))
    for number, answer in enumerate(answers):
        blender.add(number, answer)
    np.testing.assert_allclose(np.concatenate(strips, axis=1), total / weight, atol=1e-5)


def test_a_row_is_handed_on_as_soon_as_it_is_final() -> None:
    layout = lay_out_tiles((100, 10), spec_of(10, 10, 0.5, "uniform"))
    strips: list[ProbabilitiesCHW] = []
    blender = TileBlender(layout, lambda chw: strips.append(np.array(merged_on_host(chw))))
    for number, top in enumerate(layout.rows.starts):
        blender.add(number, np.ones((3, 10, 10), dtype=np.float32))
        handed_on = sum(strip.shape[1] for strip in strips)
        is_last = number == layout.count - 1
        assert handed_on == (100 if is_last else layout.rows.starts[number + 1])
        assert top <= handed_on


@given(
    height=side,
    th=tile_side,
    overlap=overlaps,
    blend=blends,
    places=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 99),
)
def test_some_strips_are_the_same_to_the_last_bit_without_the_others(
    height: int, th: int, overlap: float, blend: Blend, places: tuple[float, float], seed: int
) -> None:
    layout = lay_out_tiles((height, 20), spec_of(th, 8, overlap, blend))
    tiles = np.random.default_rng(seed).random((layout.count, 2, *layout.tile_hw)).astype(np.float32)

    def blended(rows: range) -> list[ProbabilitiesCHW]:
        strips: list[ProbabilitiesCHW] = []
        blender = TileBlender(layout, lambda chw: strips.append(np.array(merged_on_host(chw))), rows.start)
        for number in layout.tiles_over(rows):
            blender.add(number, tiles[number])
        return strips

    whole = blended(range(height))
    edges = [0, *np.cumsum([strip.shape[1] for strip in whole]).tolist()]
    first = int(min(places) * (len(whole) - 1))
    last = first + 1 + int(max(places) * (len(whole) - 1 - first))
    some = blended(range(edges[first], edges[last]))
    assert [strip.tobytes() for strip in some] == [strip.tobytes() for strip in whole[first:last]]


def test_an_image_that_fits_is_left_whole() -> None:
    assert lay_out_tiles((30, 40), TileSpec(size=(32, 48))).count == 1
    assert lay_out_tiles((30, 40), None).count == 1
    assert lay_out_tiles((30, 40), None).tile_hw == (30, 40)


@pytest.mark.parametrize("overlap", [-0.1, 0.9])
def test_overlaps_that_make_no_sense_are_refused(overlap: float) -> None:
    with pytest.raises(ValueError, match="overlap"):
        TileSpec(size=(8, 8), overlap=overlap)
