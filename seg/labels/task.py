"""Tasks: a pixel is of one class, or of any number of classes that overlap; their label maps and masks.

`multiclass` is decided by softmax and argmax, and a label map holds a class's position. In `multilabel`, and
in `binary` with its one class, each class has a sigmoid and a threshold of its own, and a label map holds one
bit for each class.

Ground truth also has pixels to ignore. They have the ignore index or, with classes that overlap, one bit
more, the one after the last class's. Its label maps have the type of `truth_dtype`, with room for that bit.
"""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.labels.label_map import IGNORE_INDEX

Task = Literal["multiclass", "binary", "multilabel"]

THRESHOLD: Final = 0.5
"""A pixel is of a class that overlaps with others above this probability, if nothing else is said."""

MAX_OVERLAPPING_CLASSES: Final = 63
"""Ground truth has a bit for each class and one for pixels to ignore, and no integer has more than 64."""

_MOST_BITS: Final = 64

MasksCHW = NDArray[np.bool_]
"""The pixels of each class, bool `[C, H, W]`. Classes may overlap."""

LabelMap = NDArray[np.unsignedinteger[Any]]
"""A label map of any task, `[H, W]`: positions in uint8, or bits in the type of `label_dtype`."""


def classes_overlap(task: Task) -> bool:
    """Whether a pixel may belong to several classes, or to none."""
    return task != "multiclass"


def label_dtype(task: Task, n_classes: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The type of a label map: uint8, or with classes that overlap the smallest with a bit for each.

    Raises:
        ValueError: there are more classes than bits.

    Example:
        >>> label_dtype("multilabel", 12)
        dtype('uint16')
    """
    if not classes_overlap(task):
        return np.dtype(np.uint8)
    if n_classes > _MOST_BITS:
        raise ValueError(f"{n_classes} overlapping classes: at most {_MOST_BITS} fit in a label map")
    return np.dtype(
        next(t for t in (np.uint8, np.uint16, np.uint32, np.uint64) if t(0).nbytes * 8 >= n_classes)
    )


def labels_of_probabilities(
    probabilities_nchw: NDArray[np.float32], task: Task
) -> NDArray[np.unsignedinteger[Any]]:
    """The label maps `[N, H, W]` of probabilities: the most probable class, or all above `THRESHOLD`."""
    if not classes_overlap(task):
        return np.asarray(probabilities_nchw.argmax(1), dtype=np.uint8)
    return np.stack([pack_masks(masks_chw) for masks_chw in probabilities_nchw > np.float32(THRESHOLD)])


def masks_of(labels_hw: LabelMap, task: Task, n_classes: int) -> MasksCHW:
    """The pixels of each class in a label map, bool `[C, H, W]`. Pixels to ignore belong to no class."""
    if not classes_overlap(task):
        return np.stack([labels_hw == label for label in range(n_classes)])
    masks_chw = np.stack([_has_bit(labels_hw, bit) for bit in range(n_classes)])
    return masks_chw & ~ignored_in(labels_hw, task, n_classes)


def split_label_bytes(labels_hw: LabelMap) -> NDArray[np.uint8]:
    """The bytes of a label map in planes below each other, the lowest first, uint8 `[bytes * H, W]`.

    So a format of one byte a pixel holds any label map; one of uint8 stays as it is.
    """
    size = labels_hw.itemsize
    little = np.ascontiguousarray(labels_hw, labels_hw.dtype.newbyteorder("<"))
    planes = little.view(np.uint8).reshape(*labels_hw.shape, size)
    return np.moveaxis(planes, 2, 0).reshape(size * labels_hw.shape[0], labels_hw.shape[1])


def join_label_bytes(planes_hw: NDArray[np.uint8], size: int) -> LabelMap:
    """The label map of `split_label_bytes` by bytes a pixel; raises ValueError if rows are missing."""
    planes = planes_hw.reshape(size, -1, planes_hw.shape[1])
    little = np.ascontiguousarray(np.moveaxis(planes, 0, 2)).view(f"<u{size}")
    return np.asarray(little[..., 0], dtype=f"u{size}")


def pack_masks(masks_chw: MasksCHW) -> LabelMap:
    """The label map of overlapping classes: bit k of a pixel is set where it belongs to class k.

    Example:
        >>> pack_masks(np.array([[[True, False]], [[True, True]]]))
        array([[3, 2]], dtype=uint8)
    """
    dtype = label_dtype("multilabel", len(masks_chw))
    labels_hw: LabelMap = np.zeros(masks_chw.shape[1:], dtype)
    for bit, mask_hw in enumerate(masks_chw):
        labels_hw |= mask_hw.astype(dtype) << dtype.type(bit)
    return labels_hw


def truth_dtype(task: Task, n_classes: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The type of ground truth, which has room for pixels to ignore.

    Example:
        >>> truth_dtype("multilabel", 8)
        dtype('uint16')
    """
    return label_dtype(task, n_classes + classes_overlap(task))


def ignore_value(task: Task, n_classes: int) -> int:
    """The value of ground truth for pixels to ignore: the ignore index, or the bit after the last class's."""
    return 1 << n_classes if classes_overlap(task) else IGNORE_INDEX


def ignored_in(labels_hw: LabelMap, task: Task, n_classes: int) -> NDArray[np.bool_]:
    """The pixels to ignore, bool `[H, W]`. A prediction without a bit for them has none."""
    if not classes_overlap(task):
        return np.equal(labels_hw, IGNORE_INDEX)
    return _has_bit(labels_hw, n_classes)


def count_pixels(labels_hw: LabelMap, task: Task, n_classes: int) -> NDArray[np.int64]:
    """The pixels of each class, int64 `[C]`, without those to ignore."""
    if not classes_overlap(task):
        return np.bincount(labels_hw.ravel(), minlength=n_classes)[:n_classes]
    known_p = labels_hw[~ignored_in(labels_hw, task, n_classes)]
    return np.array([np.count_nonzero(_has_bit(known_p, bit)) for bit in range(n_classes)])


def _has_bit(labels: LabelMap, bit: int) -> NDArray[np.bool_]:
    if bit >= 8 * labels.dtype.itemsize:
        return np.zeros(labels.shape, dtype=np.bool_)
    has_bit: NDArray[np.bool_] = (labels & labels.dtype.type(1 << bit)) != 0
    return has_bit
