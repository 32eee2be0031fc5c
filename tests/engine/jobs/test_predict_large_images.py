"""`seg ensemble` on images that are never in memory as a whole: strips, kills, plain tiles."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from seg.data.images import raster
from seg.data.images.images import write_image
from seg.data.images.raster import open_raster
from seg.engine import Ensemble
from seg.engine.cluster.remote_images import ImageRef
from seg.engine.cluster.worker import Worker, WorkerJob
from seg.engine.image_source import ImageSource
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.predict import run_ensemble
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.submissions.tables import rle
from seg.errors import SpecError
from seg.spec import load_ensemble
from tests.engine.tiny_models import CLASSES


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def slide(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with one image to predict, which counts as large, in tiles; returns the spec."""
    pytest.importorskip("rasterio")
    monkeypatch.setattr(raster, "LARGE", 1000)
    pixels = np.random.default_rng(3).integers(0, 256, (200, 60, 3), dtype=np.uint8)
    write_image(project.parent / "slides/slide.png", pixels)
    document = json.loads(project.read_text())
    document["data"]["predict"] = {"images": "slides"}
    document["tile"] = {"size": 32, "overlap": 0.4}
    project.write_text(json.dumps(document))
    return project


def test_a_large_image_has_the_bytes_of_one_in_memory(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_ensemble(slide)
    run_ensemble(spec)
    by_strip = spec.output.file.read_bytes()
    monkeypatch.setattr(raster, "LARGE", 10**9)
    run_ensemble(spec, restart=True)
    assert spec.output.file.read_bytes() == by_strip


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8, 0.97])
def test_a_kill_within_an_image_costs_a_strip_and_the_bytes_are_the_same(kept: float, slide: Path) -> None:
    spec = load_ensemble(slide)
    first = run_ensemble(spec)
    whole = spec.output.file.read_bytes()
    spec.output.file.unlink()
    journal = spec.output.file.with_name(spec.output.file.name + ".journal")
    data = journal.read_bytes()
    journal.write_bytes(data[: int(kept * len(data))])

    second = run_ensemble(spec)
    assert spec.output.file.read_bytes() == whole
    rows_of_tiles = 10
    assert second.passes <= first.passes * (1 - kept + 3 / rows_of_tiles)
    assert second.passes < first.passes


def test_a_large_image_without_tiles_is_refused(slide: Path) -> None:
    document = json.loads(slide.read_text())
    del document["tile"]
    slide.write_text(json.dumps(document))
    with pytest.raises(SpecError, match=r"slide: has 60x200 pixels, too many for one piece.*'tile:"):
        run_ensemble(load_ensemble(slide))


def test_no_pass_is_run_on_plain_tiles(slide: Path) -> None:
    document = json.loads(slide.read_text())
    document["tile"]["plain"] = {"label": "glass", "spread": 10}
    slide.write_text(json.dumps(document))
    pixels = np.random.default_rng(3).integers(0, 256, (200, 60, 3), dtype=np.uint8)
    pixels[60:170] = np.random.default_rng(4).integers(197, 204, (110, 60, 3), dtype=np.uint8)
    write_image(slide.parent / "slides/slide.png", pixels)

    spec = load_ensemble(slide)
    summary = run_ensemble(spec)
    layout = lay_out_tiles((200, 60), spec.tile)
    inside = [top >= 60 and top + 32 <= 170 for top in layout.rows.starts]
    assert summary.plain == sum(inside) * len(layout.columns.starts) > 0
    assert summary.tiles == layout.count
    assert summary.passes == (layout.count - summary.plain) * 16
    assert f"{summary.plain} of {layout.count} tiles were plain" in summary.text()

    runs = {row[0]: row[1] for row in rows_of(spec.output.file)[1:]}
    glass_hw = rle.decode_rle(runs[f"slide_{CLASSES[2].id}"], (200, 60))
    assert glass_hw[60 + 32 : 170 - 32].all()
    del document["tile"]["plain"]
    slide.write_text(json.dumps(document))
    whole = load_ensemble(slide)
    run_ensemble(whole, restart=True)
    others = {row[0]: row[1] for row in rows_of(whole.output.file)[1:]}
    for name in runs:
        with_rule, without = (rle.decode_rle(text[name], (200, 60)) for text in (runs, others))
        np.testing.assert_array_equal(with_rule[:60], without[:60])


def test_a_large_image_that_is_plain_all_over_needs_no_pass(slide: Path) -> None:
    document = json.loads(slide.read_text())
    document["tile"]["plain"] = {"label": "ground"}
    slide.write_text(json.dumps(document))
    write_image(slide.parent / "slides/slide.png", np.full((200, 60, 3), 240, dtype=np.uint8))
    summary = run_ensemble(load_ensemble(slide))
    assert (summary.passes, summary.plain) == (0, summary.tiles)
    runs = {row[0]: row[1] for row in rows_of(load_ensemble(slide).output.file)[1:]}
    assert runs[f"slide_{CLASSES[0].id}"] == f"1 {200 * 60}"


def test_plain_tiles_of_an_unknown_class_are_refused(slide: Path) -> None:
    document = json.loads(slide.read_text())
    document["tile"]["plain"] = {"label": "grund"}
    slide.write_text(json.dumps(document))
    with pytest.raises(SpecError, match="tile: plain: there is no class 'grund': did you mean 'ground'"):
        run_ensemble(load_ensemble(slide))


def test_a_worker_of_a_cluster_gives_a_large_image_in_strips(slide: Path, tmp_path: Path) -> None:
    spec = load_ensemble(slide)
    image = slide.parent / "slides/slide.png"
    done = Worker(WorkerJob(spec, ["cpu"] * len(spec.running), cores=1)).predict(
        [ImageRef("slide", str(image))]
    )
    assert done.images == 1 < len(done.payloads)
    with Journal(tmp_path / "theirs.csv", "a run") as journal:
        for payload in done.payloads:
            journal.append(payload)
        assert journal.has("slide", ImageSource.at(image))
        found_hw = journal.labels("slide")[:, :]
    pixels_hwc = open_raster(image)[:, :]
    np.testing.assert_array_equal(found_hw, Ensemble.load(spec).predict(pixels_hwc).labels)
