"""Videos, read back frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.video import read_frames, read_video_header, write_video
from seg.engine import Ensemble
from seg.engine.jobs.video import label_video
from seg.errors import DataError, OutputError
from seg.labels.label_map import ImageHWC
from seg.pictures.drawing import draw_overlay
from seg.spec import load_ensemble

COUNT = 9


def frames() -> list[ImageHWC]:
    """Smooth ramps, each brighter than the one before, which a codec hardly changes."""
    ramp = np.linspace(0, 80, 64, dtype=np.float32)
    slope_hw = ramp[:, None] / 2 + ramp[None, :48] / 2
    return [np.stack([slope_hw + 15 * n] * 3, axis=-1).astype(np.uint8) for n in range(COUNT)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "ramps.avi"
    assert write_video(path, frames(), 12.0) == COUNT
    return path


def test_frames_come_back_in_order(video: Path) -> None:
    facts = read_video_header(video)
    assert (facts.frames, facts.frames_a_second) == (COUNT, 12.0)
    for read_hwc, written_hwc in zip(read_frames(video), frames(), strict=True):
        assert np.abs(read_hwc.astype(int) - written_hwc).mean() < 4


@pytest.mark.parametrize("ending", [".avi", ".mp4"])
def test_labels_are_drawn_on_their_own_frames(project: Path, video: Path, ending: str) -> None:
    spec = load_ensemble(project)
    target = video.with_name(f"labelled{ending}")
    assert label_video(spec, video, target) == COUNT
    assert read_video_header(target).frames_a_second == 12.0
    ensemble = Ensemble.load(spec)
    for drawn_hwc, frame_hwc in zip(read_frames(target), read_frames(video), strict=True):
        labels_hw = ensemble.predict(frame_hwc).labels
        expected_hwc = draw_overlay(frame_hwc, labels_hw, ensemble.classes, clear=0)
        assert np.abs(drawn_hwc.astype(int) - expected_hwc).mean() < 12
        assert np.abs(drawn_hwc.astype(int).mean() - expected_hwc.mean()) < 5


def test_what_is_no_video_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"x\.mp4: is not a video"):
        read_video_header(tmp_path / "x.mp4")
    with pytest.raises(DataError, match="no such file"):
        next(read_frames(tmp_path / "y.mp4"))


def test_an_ending_of_no_video_is_refused_before_anything_runs(project: Path, video: Path) -> None:
    with pytest.raises(OutputError, match=r"x\.png.*\.mp4"):
        label_video(load_ensemble(project), video, video.with_name("x.png"))


def test_a_video_is_not_written_over_itself(project: Path, video: Path) -> None:
    before = video.read_bytes()
    with pytest.raises(OutputError, match="is what this command reads"):
        label_video(load_ensemble(project), video, video)
    assert video.read_bytes() == before


def test_a_run_that_fails_leaves_no_video(tmp_path: Path) -> None:
    def broken() -> Iterator[ImageHWC]:
        yield frames()[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_video(tmp_path / "x.avi", broken(), 5.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".avi", ".mp4", ".mkv"])
def test_odd_sides_keep_their_last_row_and_column(ending: str, tmp_path: Path) -> None:
    frame_hwc = np.zeros((33, 47, 3), dtype=np.uint8)
    frame_hwc[-1] = frame_hwc[:, -1] = 255
    write_video(tmp_path / f"odd{ending}", [frame_hwc] * 3, 10.0)
    for read_hwc in read_frames(tmp_path / f"odd{ending}"):
        assert read_hwc.shape == (34, 48, 3)
        assert read_hwc[32].min() > 200
        assert read_hwc[:, 46].min() > 200
