"""Runs of an object, drawn by region: compared with whole masks by numpy and pycocotools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from seg.data.coco.coco_file import CocoRle
from seg.data.coco.painting import paint_objects, painted_object
from seg.data.coco.rasterise import rasterise_to_mask, rasterise_to_runs, runs_as_coco
from seg.data.labelling import Labelling
from seg.data.regions.object_raster import LabelledRuns, ObjectRaster
from seg.data.regions.region import Region
from seg.data.regions.run_mask import Order, RunMask
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.task import Task

SIZE_HW = (37, 53)


def regions(size_hw: tuple[int, int] = SIZE_HW) -> st.SearchStrategy[Region]:
    height, width = size_hw
    return st.builds(
        lambda top, left, down, right: Region(top, left, min(down, height - top), min(right, width - left)),
        st.integers(0, height - 1),
        st.integers(0, width - 1),
        st.integers(1, height),
        st.integers(1, width),
    )


@given(
    runs=st.lists(st.tuples(st.integers(0, 36 * 53), st.integers(0, 80)), max_size=12),
    order=st.sampled_from(["columns", "rows"]),
    region=regions(),
)
def test_a_region_of_runs_is_that_of_the_whole_mask(
    runs: list[tuple[int, int]], order: Order, region: Region
) -> None:
    flat = np.zeros(SIZE_HW[0] * SIZE_HW[1], dtype=bool)
    runs = [(start, min(length, flat.size - start)) for start, length in runs]
    for start, length in runs:
        flat[start : start + length] = True
    whole_hw = flat.reshape(SIZE_HW, order="F" if order == "columns" else "C")

    starts, lengths = (np.array([run[part] for run in runs], dtype=np.int64) for part in (0, 1))
    mask = RunMask.of_runs(starts, lengths, SIZE_HW, order)

    assert np.array_equal(mask.mask_in(region), whole_hw[region.slices])
    assert mask.area == whole_hw.sum()
    rows, columns = np.nonzero(whole_hw)
    if len(rows):
        top, left = rows.min(), columns.min()
        assert mask.bounds == Region(top, left, rows.max() - top + 1, columns.max() - left + 1)
    else:
        assert mask.bounds.pixels == 0


points = st.tuples(st.floats(-5, 58), st.floats(-5, 42))
polygons = st.lists(points, min_size=3, max_size=8).map(
    lambda ring: [value for point in ring for value in point]
)


@given(
    shapes=st.lists(st.lists(polygons, min_size=1, max_size=2), max_size=5),
    region=regions(),
    task=st.sampled_from(["multiclass", "multilabel"]),
)
def test_outlines_by_region_are_those_of_the_whole_image(
    shapes: list[list[list[float]]], region: Region, task: Task
) -> None:
    masks = [
        coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(shape, *SIZE_HW))) > 0 for shape in shapes
    ]
    classes = tuple(ClassInfo(id=n, name=f"class {n}", colour=default_colour(n)) for n in range(6))
    labelling = Labelling(classes, 0, task)
    painted_hw = paint_objects(
        SIZE_HW, [painted_object(n + 1, mask) for n, mask in enumerate(masks)], labelling
    )

    raster = ObjectRaster(
        SIZE_HW,
        [LabelledRuns(n + 1, rasterise_to_runs(shape, SIZE_HW)) for n, shape in enumerate(shapes)],
        labelling,
    )

    assert np.array_equal(raster[region.slices], painted_hw[region.slices])


@given(st.lists(st.integers(0, 1), min_size=37 * 53, max_size=37 * 53))
def test_run_lengths_of_coco_by_region(pixels: list[int]) -> None:
    mask_hw = np.array(pixels, dtype=np.uint8).reshape(SIZE_HW)
    encoded = coco_mask.encode(np.asfortranarray(mask_hw))
    shape = CocoRle(size=SIZE_HW, counts=encoded["counts"].decode())

    assert np.array_equal(rasterise_to_runs(shape, SIZE_HW).mask_in(Region.whole(SIZE_HW)), mask_hw > 0)


def test_malformed_shapes_are_refused_as_for_the_whole_image() -> None:
    for shape in ([[0.0, 0.0, 1.0]], CocoRle(size=SIZE_HW, counts=[3, 4]), CocoRle(size=(2, 2), counts=[4])):
        with pytest.raises(ValueError) as whole:
            rasterise_to_mask(shape, SIZE_HW)
        with pytest.raises(ValueError) as runs:
            rasterise_to_runs(shape, SIZE_HW)
        assert str(runs.value) == str(whole.value)


def test_memory_is_that_of_the_runs_not_of_the_image() -> None:
    size_hw = (40_000, 50_000)
    mask = rasterise_to_runs([[100.0, 100.0, 39_000.0, 150.0, 20_000.0, 39_900.0]], size_hw)

    assert mask.area == pytest.approx(0.5 * abs(38_900 * 39_800 - 19_900 * 50), rel=1e-3)
    assert mask.mask_in(Region(20_000, 19_000, 512, 512)).shape == (512, 512)


flat_runs = st.lists(st.tuples(st.integers(0, 37 * 53 - 1), st.integers(0, 60)), max_size=8)


@given(outer=flat_runs, hole=flat_runs)
def test_a_hole_is_cut_out_and_coco_reads_the_runs(
    outer: list[tuple[int, int]], hole: list[tuple[int, int]]
) -> None:
    def mask_of(runs: list[tuple[int, int]]) -> RunMask:
        starts = np.array([start for start, _ in runs], dtype=np.int64)
        lengths = np.array([min(length, 37 * 53 - start) for start, length in runs], dtype=np.int64)
        return RunMask.of_runs(starts, lengths, SIZE_HW, "columns")

    whole = Region.whole(SIZE_HW)
    expected_hw = mask_of(outer).mask_in(whole) & ~mask_of(hole).mask_in(whole)
    rest = mask_of(outer).minus(mask_of(hole), SIZE_HW)
    assert np.array_equal(rest.mask_in(whole), expected_hw)
    theirs_hw = coco_mask.decode(runs_as_coco(rest, SIZE_HW))
    assert np.array_equal(theirs_hw > 0, expected_hw)
