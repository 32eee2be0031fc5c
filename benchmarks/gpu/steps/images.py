"""The images of all steps: the built-in dataset at the benchmark's size, and a large image."""

import cv2
import numpy as np

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.workspace import Workspace
from seg.data.images.images import write_image
from seg.data.sample import write_sample_dataset


def draw_images(call: StepCall) -> None:
    """What is there already stays."""
    workspace, side = call.workspace, call.workspace.scale.side
    train, val, predict = workspace.scale.drawn
    write_sample_dataset(workspace.data, train=train, val=val, predict=predict, size_hw=(side, side))
    link_images_to_predict(workspace)
    if not workspace.large_image.exists():
        draw_large(workspace)


def link_images_to_predict(workspace: Workspace) -> None:
    """As many files as are to be predicted; a file that is read again is decoded again."""
    drawn = sorted((workspace.data / "predict").iterdir())
    workspace.predicted.mkdir(parents=True, exist_ok=True)
    for number in range(workspace.scale.images):
        link = workspace.predicted / f"{number:04}.jpg"
        if not link.exists():
            link.symlink_to(drawn[number % len(drawn)])


def draw_large(workspace: Workspace) -> None:
    """Drawn images side by side."""
    side, large = workspace.scale.side, workspace.scale.large_side
    count = -(-large // side)
    drawn = [cv2.imread(str(path)) for path in sorted((workspace.data / "predict").iterdir())]
    rows = [
        np.hstack([drawn[(row * count + column) % len(drawn)] for column in range(count)])  # type: ignore[misc]
        for row in range(count)
    ]
    write_image(workspace.large_image, np.ascontiguousarray(np.vstack(rows)[:large, :large, ::-1]))


if __name__ == "__main__":
    run_as_child(draw_images)
