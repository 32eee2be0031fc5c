"""Datasets on disk: images and label maps in, one `Split` for every format out."""

from seg.data.dataset import open_split
from seg.data.images.images import read_image, read_mask
from seg.data.splits.split import Sample, Split

__all__ = ["Sample", "Split", "open_split", "read_image", "read_mask"]
