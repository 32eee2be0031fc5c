"""Checks of all masks together: empty, of one class, or encoded along the wrong axis.

On images that are not square, a mask whose runs were counted along the other axis is torn into streaks: along
the right axis it has far fewer boundaries. On square images it is transposed: the boundaries of its
transpose fit the edges of the image better.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.images.raster import size_if_large
from seg.data.images.read_sample import draw_sample
from seg.engine.passes.passes import Size
from seg.engine.submissions import SubmissionForSpec
from seg.evaluate.validator.finding import Finding
from seg.labels.label_map import IGNORE_INDEX, ImageHWC
from seg.labels.task import LabelMap, classes_overlap, label_dtype

TORN: Final = 0.6
"""Masks are torn if at most this share of their boundaries remains along the other axis."""

OFF_EDGES: Final = 1.15
"""Masks are transposed if the edge strength on the boundaries of their transposes is this much higher."""

MIN_BOUNDARIES: Final = 200
"""With fewer boundary pixels masks are not judged."""

MAX_IMAGES_COMPARED: Final = 50
"""The most images whose edges are compared."""


class MaskChecks:
    """Collects label maps and checks them together."""

    def __init__(self, known: SubmissionForSpec, look_at_images: bool) -> None:
        self._known = known
        self._images = {s.id: s for s in known.split.samples} if look_at_images else {}
        self._order = known.spec.output.rle.order
        task = known.spec.data.task
        self._overlap = classes_overlap(task)
        self._dtype = label_dtype(task, len(known.classes))
        self._none = 0 if self._overlap else IGNORE_INDEX
        self._open: dict[str, LabelMap] = {}
        self._sizes: dict[str, Size] = {}

    def add_runs(self, image_id: str, label: int, pairs: NDArray[np.int64], size_hw: Size) -> int:
        """Draw runs; returns how many of their pixels had another class already, where each has one."""
        pixels = self._open.setdefault(
            image_id, np.full(size_hw[0] * size_hw[1], self._none, dtype=self._dtype)
        )
        self._sizes[image_id] = size_hw
        overlap = 0
        for start, length in pairs.tolist():
            run = pixels[max(0, start) : max(0, start + length)]
            if self._overlap:
                run |= self._dtype.type(1 << label)
                continue
            overlap += int(((run != IGNORE_INDEX) & (run != label)).sum())
            run[:] = label
        return overlap

    def add_labels(self, image_id: str, labels_hw: LabelMap) -> None:
        """Add a whole label map."""
        self._open[image_id] = labels_hw.ravel(order="F" if self._order == "columns" else "C")
        self._sizes[image_id] = (labels_hw.shape[0], labels_hw.shape[1])

    def findings(self) -> list[Finding]:
        """The findings on all label maps together."""
        classes = [set(np.unique(pixels).tolist()) - {self._none} for pixels in self._open.values()]
        if not any(classes):
            return [Finding(None, "every mask is empty", "was the right file written?")]
        found = []
        used = set.union(*classes)
        is_covered = not any((pixels == self._none).any() for pixels in self._open.values())
        if len(used) == 1 and is_covered and len(self._known.classes) > 1:
            name = self._name_of(used.pop())
            found.append(Finding(None, f"every pixel is {name}", "was the right file written?"))
        if self._is_torn() or self._is_transposed():
            other = "rows" if self._order == "columns" else "columns"
            problem = f"masks fit when their runs are counted along {other}: they seem to be transposed"
            found.append(
                Finding(None, problem, f"encode along {self._order}, or set rle: {{order: {other}}}")
            )
        return found

    def _is_torn(self) -> bool:
        """Whether boundaries are far fewer along the other axis, in pixels and in lengths of a line.

        By either count alone, a bar across a long image would seem torn along one of the axes.
        """
        pixels_now, pixels_other, now, other = 0, 0, 0.0, 0.0
        for image_id, pixels in self._open.items():
            height, width = self._sizes[image_id]
            if height != width:
                line, other_line = (height, width) if self._order == "columns" else (width, height)
                boundaries = _count_boundary_pixels(self._as_image(pixels, (height, width)))
                boundaries_other = _count_boundary_pixels(self._along_the_other_axis(pixels, (height, width)))
                pixels_now += boundaries
                pixels_other += boundaries_other
                now += boundaries / line
                other += boundaries_other / other_line
        is_torn = other < TORN * now and pixels_other < TORN * pixels_now
        return pixels_now >= MIN_BOUNDARIES and is_torn

    def _is_transposed(self) -> bool:
        pixels_now, now, other = 0, 0.0, 0.0
        square = [i for i in self._open if i in self._images and self._sizes[i][0] == self._sizes[i][1]]
        # A large image is not decoded whole, and what is wrong with its labels is wrong with others, too.
        chosen = [i for i in square if not size_if_large(self._images[i].image)]
        for image_id in chosen[:MAX_IMAGES_COMPARED]:
            size_hw = self._sizes[image_id]
            edges_hw = _edge_strength(draw_sample(self._images[image_id]), size_hw)
            labels_hw = self._as_image(self._open[image_id], size_hw)
            pixels_now += _count_boundary_pixels(labels_hw)
            now += _edge_on_boundaries(labels_hw, edges_hw)
            other += _edge_on_boundaries(labels_hw.T, edges_hw)
        return pixels_now >= MIN_BOUNDARIES and other > OFF_EDGES * now

    def _name_of(self, label: int) -> str:
        classes = self._known.classes
        if not self._overlap:
            return classes[label].name
        return " and ".join(c.name for bit, c in enumerate(classes) if label >> bit & 1)

    def _as_image(self, pixels: LabelMap, size_hw: Size) -> LabelMap:
        return pixels.reshape(size_hw, order="F" if self._order == "columns" else "C")

    def _along_the_other_axis(self, pixels: LabelMap, size_hw: Size) -> LabelMap:
        return pixels.reshape(size_hw, order="C" if self._order == "columns" else "F")


def _label_changes_of_masks(labels_hw: LabelMap) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels that differ from the one below, and from the one to their right."""
    return labels_hw[1:] != labels_hw[:-1], labels_hw[:, 1:] != labels_hw[:, :-1]


def _count_boundary_pixels(labels_hw: LabelMap) -> int:
    return sum(int(change.sum()) for change in _label_changes_of_masks(labels_hw))


def _edge_strength(image_hwc: ImageHWC, size_hw: Size) -> NDArray[np.float32]:
    """The gradient magnitude of the brightness, float32 `[H, W]`, with mean 1."""
    grey_hw = cv2.cvtColor(image_hwc, cv2.COLOR_RGB2GRAY)
    grey_hw = cv2.resize(grey_hw, size_hw[::-1], interpolation=cv2.INTER_AREA)
    along_x = cv2.Sobel(grey_hw, cv2.CV_32F, 1, 0)
    along_y = cv2.Sobel(grey_hw, cv2.CV_32F, 0, 1)
    gradient_hw = cv2.magnitude(along_x, along_y).astype(np.float32)
    return gradient_hw / np.float32(max(float(gradient_hw.mean()), 1e-6))


def _edge_on_boundaries(labels_hw: LabelMap, edges_hw: NDArray[np.float32]) -> float:
    """The mean gradient on the boundaries of a label map; 0 if it has none."""
    down, right = _label_changes_of_masks(labels_hw)
    on = np.concatenate((edges_hw[1:][down], edges_hw[:, 1:][right]))
    return float(on.mean()) if on.size else 0.0
