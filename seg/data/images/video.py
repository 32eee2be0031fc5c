"""Read and write video files frame by frame."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from seg.errors import DataError, OutputError
from seg.files.atomic import atomic_path
from seg.labels.label_map import ImageHWC

CODECS: Final = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
"""The codec for each suffix that can be written."""

_FFMPEG_QUIET: Final = "-8"
_ONLY_FILES: Final = "protocol_whitelist;file"


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """The header of a video; its number of `frames` may be wrong."""

    frames: int
    frames_a_second: float


def read_video_header(path: Path) -> VideoHeader:
    """Read a video's header.

    Raises:
        DataError: the file is missing, or not a video that can be decoded.
    """
    capture = _open_video(path)
    try:
        return VideoHeader(
            max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))), capture.get(cv2.CAP_PROP_FPS) or 25.0
        )
    finally:
        capture.release()


def read_frames(path: Path) -> Iterator[ImageHWC]:
    """Frames in order, RGB uint8 `[H, W, 3]`, one at a time.

    Raises:
        DataError: the file is missing, is not a video, or has no frame.
    """
    capture = _open_video(path)
    try:
        there, frame_hwc = capture.read()
        if not there:
            raise DataError(f"{path}: has no frame that can be decoded")
        while there:
            yield np.ascontiguousarray(frame_hwc[..., ::-1])
            there, frame_hwc = capture.read()
    finally:
        capture.release()


def write_video(path: Path, frames: Iterable[ImageHWC], frames_a_second: float) -> int:
    """Encode RGB frames of one size in the format of `path`'s suffix, atomically; returns their number.

    Videos need even sides: the last row or column of a frame with an odd side is repeated.

    Raises:
        OutputError: the suffix is not of a format that can be written, the encoder is missing, or the disk is
            full.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    refuse_unknown_video_ending(path)
    count = 0
    writer: cv2.VideoWriter | None = None
    with atomic_path(path) as temporary:
        try:
            for frame_hwc in frames:
                even_hwc = _with_even_sides(frame_hwc)
                writer = writer or _open_video_writer(path, temporary, even_hwc, frames_a_second)
                writer.write(np.ascontiguousarray(even_hwc[..., ::-1]))
                count += 1
        finally:
            if writer is not None:
                writer.release()
        _refuse_cut_off_video(path, temporary, count)
    return count


def _with_even_sides(frame_hwc: ImageHWC) -> ImageHWC:
    height, width = frame_hwc.shape[:2]
    if not height % 2 and not width % 2:
        return frame_hwc
    return np.pad(frame_hwc, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def refuse_unknown_video_ending(path: Path) -> None:
    """Raise OutputError if the suffix is not that of a video format that can be written."""
    if path.suffix.lower() not in CODECS:
        raise OutputError(f"{path}: is not a video format that can be written: {', '.join(sorted(CODECS))}")


def _open_video(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    # FFmpeg writes directly to stderr, and opens what a playlist names, unless these are set.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _ONLY_FILES)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # Other libraries would try after it, and one writes to stderr.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise DataError(f"{path}: is not a video that can be decoded")
    return capture


def _refuse_cut_off_video(path: Path, written: Path, count: int) -> None:
    """Raise OutputError if frames are missing: OpenCV does not report a full disk."""
    try:
        found = read_video_header(written).frames if count else 0
    except DataError:
        found = 0
    if found < count:
        raise OutputError(
            f"{path}: cannot be written completely ({found} of {count} frames): is the disk full?"
        )


def _open_video_writer(
    path: Path, temporary: Path, frame_hwc: ImageHWC, frames_a_second: float
) -> cv2.VideoWriter:
    height, width = frame_hwc.shape[:2]
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
    writer = cv2.VideoWriter(str(temporary), codec, frames_a_second, (width, height))
    if not writer.isOpened():
        raise OutputError(f"{path}: this OpenCV has no encoder for it: try another ending")
    return writer
