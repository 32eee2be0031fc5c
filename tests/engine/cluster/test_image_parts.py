"""Parts of a large image, which several workers predict: together they are the image."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.data.images import raster
from seg.data.images.images import write_image
from seg.data.images.raster import open_raster
from seg.engine import Ensemble
from seg.engine.cluster.image_parts import missing_parts, rows_in_parts
from seg.engine.cluster.remote_images import local_images
from seg.engine.cluster.worker import BlockResult, Worker, WorkerJob
from seg.engine.jobs.journal.journal import Journal
from seg.engine.passes.tiles import lay_out_tiles
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import TileSpec


@given(height=st.integers(8, 400), overlap=st.floats(0, 0.7), longest=st.integers(1, 6), data=st.data())
def test_parts_are_all_strips_that_are_missing_and_no_other(
    height: int, overlap: float, longest: int, data: st.DataObject
) -> None:
    rows = lay_out_tiles((height, 8), TileSpec(size=(8, 8), overlap=overlap)).rows
    done = data.draw(st.sets(st.sampled_from(rows.starts)))
    strips = {top: range(top, end) for top, end in itertools.pairwise((*rows.starts, height))}
    parts = list(rows_in_parts(rows, done, longest))
    missing = [row for top, strip in strips.items() if top not in done for row in strip]
    assert [row for part in parts for row in part] == missing
    assert all(sum(top in part for top in strips) <= longest for part in parts)


@pytest.fixture
def slide(project: Path, monkeypatch: pytest.MonkeyPatch) -> EnsembleSpec:
    """An image that counts as large, and a small one."""
    pytest.importorskip("rasterio")
    monkeypatch.setattr(raster, "LARGE", 1000)
    rng = np.random.default_rng(3)
    write_image(project.parent / "slides/large.png", rng.integers(0, 256, (400, 60, 3), dtype=np.uint8))
    write_image(project.parent / "slides/small.png", rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    document = json.loads(project.read_text())
    document["data"]["predict"] = {"images": "slides"}
    document["tile"] = {"size": 32, "overlap": 0.4}
    project.write_text(json.dumps(document))
    return load_ensemble(project)


def test_parts_in_any_order_are_the_image(slide: EnsembleSpec, tmp_path: Path) -> None:
    images = local_images(slide)
    worker = Worker(WorkerJob(slide, ["cpu"] * len(slide.running), cores=1))

    def predict_last(journal: Journal, count: int | None) -> list[BlockResult]:
        parts = missing_parts(images, slide, journal, workers=2)[::-1][:count]
        results = [worker.predict([part]) for part in parts]
        for payload in itertools.chain.from_iterable(result.payloads for result in results):
            journal.append(payload)
        return results

    with Journal(tmp_path / "theirs.csv", "a run") as journal:
        first = predict_last(journal, 3)
        assert [journal.has(one.id, one.source()) for one in images] == [False, True]
        rest = predict_last(journal, None)
        assert [result.images for result in first + rest] == [1] * len(first + rest)
        assert len(rest) > 1
        found = [journal.labels(one.id)[:, :] for one in images]
    ensemble = Ensemble.load(slide)
    for image, labels_hw in zip(images, found, strict=True):
        expected_hw = ensemble.predict(open_raster(Path(image.place))[:, :]).labels
        np.testing.assert_array_equal(labels_hw, expected_hw)


def test_small_images_are_given_out_whole_and_large_ones_in_rows_of_tiles(
    slide: EnsembleSpec, tmp_path: Path
) -> None:
    with Journal(tmp_path / "theirs.csv", "a run") as journal:
        *large, small = missing_parts(local_images(slide), slide, journal, workers=2)
    assert small.rows is None
    assert len(large) == 6  # 21 rows of tiles, of which at least 4 are a part
    assert {part.id for part in large} == {"large"}
