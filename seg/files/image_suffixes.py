"""The endings of image files, in small letters."""

from typing import Final

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""Images of one size, which are also written."""

SLIDE_SUFFIXES: Final = frozenset({".bif", ".mrxs", ".ndpi", ".scn", ".svs", ".svslide", ".vms", ".vmu"})
"""Slides of scanners, which OpenSlide reads."""

IMAGE_SUFFIXES: Final = PICTURE_SUFFIXES | SLIDE_SUFFIXES
