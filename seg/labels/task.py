"""What a pixel can be: one class of several, or any number of classes that overlap.

`multiclass` is decided by softmax and argmax, and a label map holds a class's position. In `multilabel`, and
in `binary` with its one class, each class has a sigmoid and a threshold of its own, and a label map holds one
bit for each class.
"""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal["multiclass", "binary", "multilabel"]

THRESHOLD: Final = 0.5
"""A pixel is of a class that overlaps with others above this probability, if nothing else is said."""

MAX_OVERLAPPING_CLASSES: Final = 64
"""A label map of overlapping classes has a bit for each class, and no integer has more."""

MasksCHW = NDArray[np.bool_]
"""The pixels of each class, bool `[C, H, W]`. Classes may overlap."""

LabelMap = NDArray[np.unsignedinteger[Any]]
"""A label map of any task, `[H, W]`: positions in uint8, or bits in the type of `label_dtype`."""


def classes_overlap(task: Task) -> bool:
    """Whether a pixel may belong to several classes, or to none."""
    return task != "multiclass"


def label_dtype(task: Task, n_classes: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The type of a label map: uint8, or with classes that overlap the smallest with a bit for each.

    Example:
        >>> label_dtype("multilabel", 12)
        dtype('uint16')
    """
    if not classes_overlap(task):
        return np.dtype(np.uint8)
    if n_classes > MAX_OVERLAPPING_CLASSES:
        raise ValueError(
            f"{n_classes} overlapping classes: at most {MAX_OVERLAPPING_CLASSES} fit in a label map"
        )
    return np.dtype(
        next(t for t in (np.uint8, np.uint16, np.uint32, np.uint64) if t(0).nbytes * 8 >= n_classes)
    )


def labels_of(probabilities_nchw: NDArray[np.float32], task: Task) -> NDArray[np.unsignedinteger[Any]]:
    """The label maps `[N, H, W]` of probabilities: the likeliest class, or all classes above `THRESHOLD`."""
    if not classes_overlap(task):
        return np.asarray(probabilities_nchw.argmax(1), dtype=np.uint8)
    return np.stack([pack_masks(masks_chw) for masks_chw in probabilities_nchw > np.float32(THRESHOLD)])


def masks_of(labels_hw: LabelMap, task: Task, n_classes: int) -> MasksCHW:
    """The pixels of each class in a label map, bool `[C, H, W]`.

    Pixels of the ignore index, or of bits beyond the classes, belong to no class.
    """
    if not classes_overlap(task):
        return np.stack([labels_hw == label for label in range(n_classes)])
    one = labels_hw.dtype.type(1)
    return np.stack([(labels_hw >> labels_hw.dtype.type(bit)) & one == 1 for bit in range(n_classes)])


def bytes_apart(labels_hw: LabelMap) -> NDArray[np.uint8]:
    """The bytes of a label map in planes below each other, the lowest first, uint8 `[bytes * H, W]`.

    So a format of one byte a pixel holds any label map; one of uint8 stays as it is.
    """
    size = labels_hw.itemsize
    little = np.ascontiguousarray(labels_hw, labels_hw.dtype.newbyteorder("<"))
    planes = little.view(np.uint8).reshape(*labels_hw.shape, size)
    return np.moveaxis(planes, 2, 0).reshape(size * labels_hw.shape[0], labels_hw.shape[1])


def bytes_together(planes_hw: NDArray[np.uint8], size: int) -> LabelMap:
    """The label map of `bytes_apart` with so many bytes a pixel; raises ValueError if rows are missing."""
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
