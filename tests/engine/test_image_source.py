"""An image counts as done while its content is the same, whatever its size, time and folder are."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from seg.engine.image_source import ImageSource
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.journal.journal_entry import JournalEntry
from seg.engine.jobs.predict import run_ensemble
from seg.errors import DataError
from seg.image_type import ImageType
from seg.labels.label_map import LabelsHW
from seg.spec import load_ensemble
from tests.engine.tiny_models import write_band_model

LABELS: LabelsHW = np.zeros((2, 2), dtype=np.uint8)


def bitmap(path: Path, seed: int) -> Path:
    """A BMP: as many bytes as any other of its size."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def settled(path: Path) -> Path:
    """A file that was changed some time ago; its ctime is now, which no program can set."""
    hour_ago = time.time_ns() - 3600 * 10**9
    os.utime(path, ns=(hour_ago, hour_ago))
    return path


def write_other(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def write_other_at_the_same_time(path: Path, other: Path) -> None:
    before = path.stat()
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def copy_with_its_time(path: Path, other: Path) -> None:
    """`cp -p`, of an image of the same time."""
    shutil.copystat(path, other)
    shutil.copy2(other, path)


def rename_another(path: Path, other: Path) -> None:
    shutil.copystat(path, other)
    other.replace(path)


@pytest.mark.parametrize(
    "replace", [write_other, write_other_at_the_same_time, copy_with_its_time, rename_another]
)
def test_another_image_of_the_same_size_is_noticed(
    tmp_path: Path, replace: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noted long after its last change, so that it would not be read if it looked the same."""
    image, other = settled(bitmap(tmp_path / "a.bmp", 1)), bitmap(tmp_path / "b.bmp", 2)
    size = image.stat().st_size
    later = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    time.sleep(0.1)  # Longer than a tick of the disk's clock.
    with Journal(tmp_path / "out", "a run") as journal:
        journal.append(JournalEntry.of("a", ImageSource.at(image), LABELS).packed())
        assert journal.has("a", ImageSource.at(image))
        assert journal.read("a").stat_hash is not None
    replace(image, other)
    assert image.stat().st_size == size
    with Journal(tmp_path / "out", "a run") as journal:
        assert not journal.has("a", ImageSource.at(image))


def test_the_same_content_is_done_whatever_its_time_and_folder_are(tmp_path: Path) -> None:
    image = bitmap(tmp_path / "a.bmp", 1)
    (tmp_path / "moved").mkdir()
    with Journal(tmp_path / "out", "a run") as journal:
        journal.append(JournalEntry.of("a", ImageSource.at(image), LABELS).packed())
        settled(image)
        assert journal.has("a", ImageSource.at(image))
        assert journal.has("a", ImageSource.at(Path(shutil.copy(image, tmp_path / "moved"))))
        assert not journal.has("b", ImageSource.at(image))


def test_what_is_unchanged_from_outside_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = settled(bitmap(tmp_path / "a.bmp", 1))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10 * 10**9)
    source = ImageSource.at(image)
    entry = JournalEntry.of("a", source, LABELS)
    assert entry.stat_hash is not None
    image.unlink()
    assert source.matches(entry.content, entry.stat_hash)
    assert not ImageSource.at(image).matches(entry.content, entry.stat_hash)


def test_a_file_that_was_changed_just_now_is_read_again(tmp_path: Path) -> None:
    """Another change may come within the same tick of the disk's clock."""
    assert ImageSource.at(bitmap(tmp_path / "a.bmp", 1)).settled_stat_hash is None


def test_an_image_that_changes_while_it_is_predicted_is_not_done(tmp_path: Path) -> None:
    image = bitmap(tmp_path / "a.bmp", 1)
    source = ImageSource.at(image)
    image.write_bytes(bitmap(tmp_path / "b.bmp", 2).read_bytes())
    with pytest.raises(DataError, match=r"a\.bmp: was changed while it was predicted"):
        JournalEntry.of("a", source, LABELS)


def test_a_submission_is_of_the_images_that_are_there(project: Path) -> None:
    """All images are replaced by others of their names and sizes in bytes; one is put back."""
    images = project.parent / "images"
    shutil.rmtree(images)
    images.mkdir()
    paths = [bitmap(images / f"{number}.bmp", number) for number in range(4)]
    spec = load_ensemble(project)
    run_ensemble(spec)
    before = spec.output.file.read_bytes()
    kept = paths[0].read_bytes()
    for number, path in enumerate(paths):
        write_other_at_the_same_time(path, bitmap(images.parent / "other.bmp", 10 + number))
    paths[0].write_bytes(kept)
    again = run_ensemble(spec)
    assert (again.images, again.images_now) == (4, 3)
    changed = spec.output.file.read_bytes()
    assert changed != before
    run_ensemble(spec, restart=True)
    assert spec.output.file.read_bytes() == changed


def test_a_stack_is_predicted_again_where_any_of_its_slices_was_replaced(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"images/slice_{number}.png"), rng.integers(0, 256, (8, 9), np.uint8))
    (tmp_path / "dataset.yaml").write_text(
        "predict: {images: images}\nrange: [0, 255]\nstack: {by: 'slice_{s}'}\n"
        "classes: [ground, paper, glass, metal]\n"
    )
    model = write_band_model(tmp_path, 1, ImageType("uint8", 3), most=255)
    (tmp_path / "spec.yaml").write_text(
        f"data: dataset.yaml\nruntime: cpu\nmembers: [{{name: a, model: {model}}}]\n"
    )
    spec = load_ensemble(tmp_path / "spec.yaml")
    assert run_ensemble(spec).images_now == 4
    assert run_ensemble(spec).images_now == 0
    cv2.imwrite(str(tmp_path / "images/slice_0.png"), rng.integers(0, 256, (8, 9), np.uint8))
    assert run_ensemble(spec).images_now == 2
    resumed = (tmp_path / "submission.csv").read_bytes()
    run_ensemble(spec, restart=True)
    assert resumed == (tmp_path / "submission.csv").read_bytes()
