"""An image whose file turns out damaged while tiles are read from it ends alone; all others are predicted."""

import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from seg.data.images import raster
from seg.data.images.images import write_image
from seg.data.images.raster import open_raster
from seg.engine import Ensemble
from seg.engine.cluster.remote_images import ImageRef
from seg.engine.cluster.worker import Worker, WorkerJob
from seg.engine.early_exit.deadline import PassBudget
from seg.engine.jobs.journal.journal_entry import JournalEntry
from seg.engine.jobs.predict import run_ensemble
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo
from seg.errors import DataError
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec, load_ensemble

SIZE_HW = (96, 80)
BLOCK = 16
GOOD, BAD = ("a", "c"), "b"


def write_tiled(path: Path, seed: int) -> None:
    """A TIFF in blocks of 16x16 pixels, compressed one by one."""
    pixels_hwc = np.random.default_rng(seed).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels_hwc, photometric="rgb", tile=(BLOCK, BLOCK), compression="deflate")


def spoil(path: Path) -> None:
    """Overwrite the block in the middle; the header and all others stay whole."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        middle = len(page.dataoffsets) // 2
        offset, length = page.dataoffsets[middle], page.databytecounts[middle]
    content = bytearray(path.read_bytes())
    content[offset : offset + length] = bytes(length)
    path.write_bytes(content)


@pytest.fixture
def land(project: Path, monkeypatch: pytest.MonkeyPatch) -> EnsembleSpec:
    """Three TIFFs that count as large, of which the second is damaged within, and a photo, in tiles."""
    monkeypatch.setattr(raster, "LARGE", 1000)
    folder = project.parent
    for seed, name in enumerate((*GOOD, BAD)):
        write_tiled(folder / f"land/{name}.tif", seed)
    write_image(folder / "land/d.png", np.full((9, 12, 3), 90, dtype=np.uint8))
    spoil(folder / f"land/{BAD}.tif")
    said = json.loads(project.read_text())
    said |= {
        "views": "hflip",
        "tile": {"size": "32x32", "overlap": 0.5},
        "output": {"format": "png", "file": "o"},
    }
    said["data"]["predict"] = {"images": "land"}
    project.write_text(json.dumps(said))
    return load_ensemble(project)


def labels_of(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_the_others_are_predicted_as_without_it(
    land: EnsembleSpec, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError) as error:
        run_ensemble(land)
    named, unreadable_images_advice = str(error.value).splitlines()
    assert named.startswith(str(land.data.to_predict.images[0] / f"{BAD}.tif"))
    assert "is cut off or damaged at row 32" in named
    assert "not written: 1 image could not be read; all others are kept" in unreadable_images_advice
    assert not land.output.file.exists()
    assert all(line.startswith("ensemble: ") for line in capfd.readouterr().err.splitlines())

    write_tiled(land.data.to_predict.images[0] / f"{BAD}.tif", seed=7)
    assert run_ensemble(land).images_now == 1
    mended = labels_of(land.output.file)
    (land.data.to_predict.images[0] / f"{BAD}.tif").unlink()
    run_ensemble(land, restart=True)
    without = labels_of(land.output.file)
    assert sorted(without) == [*GOOD, "d"]
    assert {name: mended[name] for name in without} == without


def test_it_is_named_with_those_that_cannot_be_opened(land: EnsembleSpec) -> None:
    (land.data.to_predict.images[0] / "e.png").write_bytes(b"")
    with pytest.raises(DataError) as error:
        run_ensemble(land)
    assert {line.partition(": ")[0].rpartition("/")[2] for line in str(error.value).splitlines()[:2]} == {
        f"{BAD}.tif",
        "e.png",
    }
    assert "2 images could not be read" in str(error.value)


def test_strict_stops_at_it(land: EnsembleSpec) -> None:
    with pytest.raises(DataError, match=r"b\.tif: is cut off or damaged at row 32, column \d+$"):
        run_ensemble(land, strict=True)
    assert not land.output.file.exists()


def test_a_deadline_goes_on_without_it(land: EnsembleSpec) -> None:
    with pytest.raises(DataError, match="1 image could not be read"):
        run_ensemble(land, deadline=600)


def test_asked_for_alone_it_is_an_error(land: EnsembleSpec) -> None:
    with pytest.raises(DataError, match=r"b\.tif: is cut off or damaged"):
        Ensemble.load(land).predict(land.data.to_predict.images[0] / f"{BAD}.tif")


def test_a_worker_of_a_cluster_names_it_and_goes_on(land: EnsembleSpec) -> None:
    worker = Worker(WorkerJob(land, ["cpu"] * len(land.running), cores=1))
    images = sorted(land.data.to_predict.images[0].iterdir())
    done = worker.predict([ImageRef(path.stem, str(path)) for path in images])
    (named,) = done.failures
    assert f"{BAD}.tif: is cut off or damaged at row 32" in named
    # Strips above the damage may be there.
    assert {JournalEntry.unpacked(payload).id for payload in done.payloads} - {BAD} == {*GOOD, "d"}
    assert done.images == len((*GOOD, "d"))


class Broken:
    """An image in memory of which so many tiles can be read; at the next one it calls `meet`."""

    def __init__(self, image_hwc: ImageHWC, whole: int, meet: Callable[[], None]) -> None:
        self._image_hwc = image_hwc
        self._whole = whole
        self._meet = meet
        self.shape = image_hwc.shape
        self.dtype = image_hwc.dtype
        self.nbytes = image_hwc.nbytes

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWC:
        self._whole -= 1
        if self._whole < 0:
            self._meet()
            raise DataError("broken")
        return self._image_hwc[window]


class Waiting(Runtime):
    """Says when it is asked for the first time, and answers once it may."""

    def __init__(self, inner: Runtime) -> None:
        self._inner = inner
        self.asked = threading.Event()
        self.may_answer = threading.Event()

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        self.asked.set()
        assert self.may_answer.wait(60)
        return self._inner.run(images_nhwc)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        return self._inner.describe()


def test_passes_that_are_under_way_come_to_nothing(land: EnsembleSpec) -> None:
    """Damage is met while a worker runs a pass of the image; its answer comes after."""
    (member,) = Ensemble.load(land).only(["a"]).with_views(("identity",)).members
    runtime = Waiting(member.runtime)
    ensemble = Ensemble((replace(member, runtime=runtime),), batch_size=1, tile=land.tile)
    picture_hwc = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    broken = Broken(picture_hwc, 1, lambda: assert_soon(runtime.asked))
    told: list[tuple[str, str]] = []

    def on_damaged(key: str, error: DataError) -> None:
        told.append((key, str(error)))
        threading.Timer(0.1, runtime.may_answer.set).start()

    images: list[tuple[str, Any]] = [("broken", broken), ("whole", picture_hwc)]
    found = dict(ensemble.label_all(images, lambda key, labels_hw: (key, labels_hw), on_damaged=on_damaged))
    assert told == [("broken", "broken")]
    assert list(found) == ["whole"]
    np.testing.assert_array_equal(found["whole"], ensemble.predict(picture_hwc).labels)


def assert_soon(event: threading.Event) -> None:
    assert event.wait(60)


def test_its_memory_is_freed_while_others_go_on(land: EnsembleSpec) -> None:
    ensemble = Ensemble.load(land)
    small_hwc = np.zeros((40, 40, 3), dtype=np.uint8)
    pixels_hwc = np.zeros((*SIZE_HW, 3), dtype=np.uint8)
    kept = weakref.ref(pixels_hwc)

    def endless() -> Iterator[tuple[int, Any]]:
        nonlocal pixels_hwc
        image = Broken(pixels_hwc, 7, lambda: None)
        del pixels_hwc
        yield 0, image
        del image
        number = 0
        while True:
            number += 1
            yield number, small_hwc

    told: list[int] = []

    def note(key: int, _: DataError) -> None:
        told.append(key)

    def finish(key: int, _: LabelsHW) -> int:
        return key

    labelled = ensemble.label_all(endless(), finish, on_damaged=note)
    for key in labelled:
        if key > 10:
            break
    gc.collect()
    assert told == [0]
    assert kept() is None
    labelled.close()  # type: ignore[attr-defined]


def test_a_pace_gives_its_time_to_the_others() -> None:
    now = 0.0
    paces = [PassBudget([1.0, 2.0, 4.0], images, 40.0, now=lambda: now) for images in (6, 5)]
    paces[0].drop_image(paces[0].open_image())
    assert [paces[0].open_image() for _ in range(5)] == [paces[1].open_image() for _ in range(5)]


def test_a_window_beyond_the_damage_can_be_read(land: EnsembleSpec) -> None:
    """So that it is the damaged block that is met, and not the file."""
    image = open_raster(land.data.to_predict.images[0] / f"{BAD}.tif")
    assert image[0:32, 0:80].shape == (32, 80, 3)
    with pytest.raises(DataError, match="row 32"):
        image[32:64, 0:80]
