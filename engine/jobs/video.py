"""A video in, the same with labels out."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from seg.data.video import read_frames, refuse_unknown_ending, video_facts, write_video
from seg.drawing import colourise, overlay
from seg.engine.ensemble import Ensemble
from seg.errors import OutputError
from seg.labels import ImageHWC, LabelsHW
from seg.progress import Advance, progress
from seg.spec import EnsembleSpec

Numbered = tuple[int, ImageHWC]


def label_video(spec: EnsembleSpec, source: Path, target: Path, *, labels_only: bool = False) -> int:
    """Write a video's frames with their labels drawn over them; returns how many there are.

    Args:
        labels_only: draw the classes' colours and nothing of the video.

    Raises:
        DataError: the source cannot be read.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that says what to mend.
    """
    refuse_unknown_ending(target)
    facts = video_facts(source)
    if target.exists() and target.samefile(source):
        raise OutputError(f"{target}: is the video that is read: name another file to write")
    ensemble = Ensemble.load(spec)
    clear = spec.data.background(ensemble.classes)

    def draw(frame: Numbered, labels_hw: LabelsHW) -> Numbered:
        number, image_hwc = frame
        if labels_only:
            return number, colourise(labels_hw, ensemble.classes)
        return number, overlay(image_hwc, labels_hw, ensemble.classes, clear=clear)

    with progress("video", facts.frames, unit="frames") as advance:
        frames = ((frame, frame[1]) for frame in enumerate(read_frames(source)))
        drawn = _in_order(ensemble.label_all(frames, draw))
        return write_video(target, _counted(drawn, advance), facts.frames_a_second)


def _in_order(frames: Iterable[Numbered]) -> Iterator[ImageHWC]:
    """Frames by number, of which those that come early wait; few do, since few are open at once."""
    early: dict[int, ImageHWC] = {}
    due = 0
    for number, frame_hwc in frames:
        early[number] = frame_hwc
        while due in early:
            yield early.pop(due)
            due += 1


def _counted(frames: Iterable[ImageHWC], advance: Advance) -> Iterator[ImageHWC]:
    for frame_hwc in frames:
        yield frame_hwc
        advance()
