"""The command `seg video`: draw the labels of each frame over a video."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seg.data.files_read import files_read_by_spec
from seg.data.images.video import read_frames, read_video_header, refuse_unknown_video_ending, write_video
from seg.engine.ensemble import Ensemble
from seg.engine.pipeline.reorder import results_in_order
from seg.errors import ModelError
from seg.files.outputs import Output
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap
from seg.pictures.drawing import colourise_labels, draw_overlay
from seg.spec import EnsembleSpec
from seg.terminal.progress import Advance, progress

Numbered = tuple[int, ImageHWC]


def label_video(
    spec: EnsembleSpec,
    source: Path,
    target: Path,
    *,
    labels_only: bool = False,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
) -> int:
    """Write a video's frames with their labels drawn over them; returns the number of frames.

    Args:
        labels_only: draw only the classes' colours, without the video's pixels.
        overwrite: also replace a file that seg did not write.
        reads: further files that must not be overwritten.

    Raises:
        DataError: the source cannot be read.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that names the fix.
    """
    refuse_unknown_video_ending(target)
    facts = read_video_header(source)
    output = Output(target, (source, *files_read_by_spec(spec), *reads), overwrite)
    output.check()
    ensemble = Ensemble.load(spec)
    if ensemble.pixel_range is not None:
        raise ModelError(
            f"{source}: frames are RGB of 8 bits, and the members take {ensemble.image_types[0]}"
        )
    clear = spec.data.background(ensemble.classes)

    def draw(frame: Numbered, labels_hw: LabelMap) -> Numbered:
        number, image_hwc = frame
        if labels_only:
            return number, colourise_labels(labels_hw, ensemble.classes, task=ensemble.task)
        return number, draw_overlay(image_hwc, labels_hw, ensemble.classes, clear=clear, task=ensemble.task)

    with output.writing() as final, progress("video", facts.frames, unit="frames") as advance:
        frames = ((frame, frame[1]) for frame in enumerate(read_frames(source)))
        drawn = results_in_order(ensemble.label_all(frames, draw))
        return write_video(final, _frames_with_progress(drawn, advance), facts.frames_a_second)


def _frames_with_progress(frames: Iterable[ImageHWC], advance: Advance) -> Iterator[ImageHWC]:
    for frame_hwc in frames:
        yield frame_hwc
        advance()
