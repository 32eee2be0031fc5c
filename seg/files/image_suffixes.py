"""The endings of image files, in small letters."""

from typing import Final

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""Images of one size, which are also written."""

SLIDE_SUFFIXES: Final = frozenset({".bif", ".mrxs", ".ndpi", ".scn", ".svs", ".svslide", ".vms", ".vmu"})
"""Slides of scanners, which OpenSlide reads."""

ARRAY_SUFFIXES: Final = frozenset({".npy", ".dcm"})
"""Images of bands that few viewers show; beside others they are often something else, such as masks."""

IMAGE_SUFFIXES: Final = PICTURE_SUFFIXES | SLIDE_SUFFIXES
