"""Images handed to the engine one by one, held to the same images predicted alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seg.engine.ensemble import Ensemble
from seg.engine.serve.labelling.batcher import DynamicBatcher
from seg.errors import DataError
from seg.spec.ensemble.prediction import TileSpec
from seg.views import VIEW_SETS
from tests.engine.serve.conftest import PATIENCE_S, POISON, Gate, behind, some_image


@contextmanager
def labelling(ensemble: Ensemble) -> Iterator[DynamicBatcher]:
    batcher = DynamicBatcher(ensemble, None)
    try:
        yield batcher
    finally:
        batcher.close()


def test_everyone_gets_the_labels_of_their_own_image(project: Path) -> None:
    ensemble = Ensemble.load(project)
    images = [some_image(seed, (6 + seed % 3, 8 + seed % 5)) for seed in range(40)]
    with labelling(ensemble) as batcher, ThreadPoolExecutor(8) as clients:
        found = list(clients.map(lambda image: batcher.submit(image).result(PATIENCE_S), images))
    for image_hwc, labels_hw in zip(images, found, strict=True):
        np.testing.assert_array_equal(labels_hw, ensemble.predict(image_hwc).labels)


def test_images_that_arrive_while_a_batch_runs_travel_together(project: Path, gate: Gate) -> None:
    single = Ensemble.load(project).with_views(VIEW_SETS["none"]).only(["a"])
    gate.is_open.clear()
    with labelling(replace(behind(gate, single), batch_size=4)) as batcher:
        first = batcher.submit(some_image(0))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        others = [batcher.submit(some_image(seed)) for seed in range(1, 9)]
        gate.is_open.set()
        for future in (first, *others):
            future.result(PATIENCE_S)
    assert gate.batches[0] == 1
    assert sum(gate.batches) == 9
    assert max(gate.batches) == 4


def test_what_is_cancelled_while_it_waits_is_never_begun(project: Path, gate: Gate) -> None:
    single = Ensemble.load(project).with_views(VIEW_SETS["none"]).only(["a"])
    gate.is_open.clear()
    with labelling(behind(gate, single)) as batcher:
        first = batcher.submit(some_image(0))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        others = [batcher.submit(some_image(seed)) for seed in range(1, 30)]
        late = others[-1]
        assert late.cancel()
        gate.is_open.set()
        for future in (first, *others[:-1]):
            future.result(PATIENCE_S)
    assert sum(gate.batches) == 29


def test_small_images_go_first_while_a_large_one_is_cut(project: Path, gate: Gate) -> None:
    single = Ensemble.load(project).with_views(VIEW_SETS["none"]).only(["a"])
    tiled = replace(single, tile=TileSpec(size=(12, 12), overlap=0))
    finished: list[str] = []
    gate.is_open.clear()
    with labelling(behind(gate, tiled)) as batcher:
        first = batcher.submit(some_image(0))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        large_hwc = some_image(1, (12, 12 * 60))
        large = batcher.submit(large_hwc)
        large.add_done_callback(lambda _: finished.append("large"))
        small = [batcher.submit(some_image(seed)) for seed in range(2, 12)]
        for future in small:
            future.add_done_callback(lambda _: finished.append("small"))
        gate.is_open.set()
        np.testing.assert_array_equal(large.result(PATIENCE_S), tiled.predict(large_hwc).labels)
        first.result(PATIENCE_S)
    assert finished == ["small"] * 10 + ["large"]


def test_only_the_image_that_is_to_blame_is_lost(project: Path, gate: Gate) -> None:
    ensemble = Ensemble.load(project)
    images = [some_image(seed) for seed in range(6)]
    images[3] = np.full((9, 12, 3), POISON, dtype=np.uint8)
    gate.is_open.clear()
    with labelling(behind(gate, ensemble)) as batcher:
        futures = [batcher.submit(image_hwc) for image_hwc in images]
        gate.is_open.set()
        with pytest.raises(RuntimeError, match="out of"):
            futures.pop(3).result(PATIENCE_S)
        del images[3]
        for image_hwc, future in zip(images, futures, strict=True):
            np.testing.assert_array_equal(future.result(PATIENCE_S), ensemble.predict(image_hwc).labels)
        assert batcher.is_alive
    assert not batcher.is_alive


def test_no_tile_is_begun_of_an_image_that_is_cancelled(project: Path, gate: Gate) -> None:
    single = Ensemble.load(project).with_views(VIEW_SETS["none"]).only(["a"])
    tiled = replace(single, tile=TileSpec(size=(8, 8), overlap=0))
    gate.is_open.clear()
    with labelling(behind(gate, tiled)) as batcher:
        first = batcher.submit(some_image(0, (8, 8 * 100)))
        assert gate.entered.acquire(timeout=PATIENCE_S)
        first.cancel()
        gate.is_open.set()
        with pytest.raises(DataError):
            first.result(PATIENCE_S)
        later = batcher.submit(some_image(1)).result(PATIENCE_S)
    assert later.shape == (9, 12)
    assert sum(gate.batches) < 50
