"""OME-TIFF: what its XML says of channels and pixels, and the pages that the channels lie in.

Source: the specification of OME-TIFF 6: the XML is the first page's description, a plane is a page, and its
levels are pages below it (SubIFDs), which GDAL takes for overviews.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from xml.etree import ElementTree

from seg.errors import DataError

_ENDING: Final = re.compile(r"\.ome\.tiff?$", re.IGNORECASE)
_MICROMETRES: Final = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
_OTHER_AXES: Final = {"SizeZ": "slices", "SizeT": "times"}
_MOST_XML: Final = 2**24
"""Characters of the XML that are parsed."""


@dataclass(frozen=True, slots=True)
class OmeImage:
    """The first image of an OME-TIFF.

    Attributes:
        pages: the page of each channel, from 1; a single one, if its samples are the channels.
        pixel_hw: the sides of a pixel in micrometres, if the file says it.
    """

    pages: tuple[int, ...]
    pixel_hw: tuple[float, float] | None

    @classmethod
    def of_xml(cls, path: Path, xml: str) -> Self:
        """What a file's description says.

        Raises:
            DataError: it is no XML of OME, or the image has several planes of a channel, or lies elsewhere.
        """
        try:
            pixels = _pixels_of_ome(xml)
            counts = {word: int(pixels.get(name, 1)) for name, word in _OTHER_AXES.items()}
            samples = [int(one.get("SamplesPerPixel", 1)) for one in _xml_children(pixels, "Channel")]
            planes = len(samples) if samples and max(samples) == 1 else 1
            pages = _pages_of_ome_channels(path, pixels, planes)
        except (ElementTree.ParseError, IndexError, ValueError) as error:
            raise DataError(
                f"{path}: is named as an OME-TIFF, and has no OME-XML that can be read: rename it to .tif"
            ) from error
        for word, count in counts.items():
            if count > 1:
                raise DataError(
                    f"{path}: has {count} {word}, and one image is read of a file: save each as a file of its"
                    " own"
                )
        down, across = (_ome_pixel_side(pixels, axis) for axis in ("Y", "X"))
        pixel_hw = (down or across, across or down)
        return cls(pages, pixel_hw if all(pixel_hw) else None)


def is_ome(path: Path) -> bool:
    """Whether a file has the ending of OME-TIFFs."""
    return _ENDING.search(path.name) is not None


def _pixels_of_ome(xml: str) -> ElementTree.Element:
    """What the XML says of the pixels of the first image; raises ParseError, IndexError or ValueError."""
    if "<!DOCTYPE" in xml or len(xml) > _MOST_XML:
        raise ValueError("has entities, or is too long")
    image = _xml_children(ElementTree.fromstring(xml), "Image")[0]
    return _xml_children(image, "Pixels")[0]


def _pages_of_ome_channels(path: Path, pixels: ElementTree.Element, planes: int) -> tuple[int, ...]:
    """The page of each plane, from 1, as `TiffData` lists them; in order where it does not."""
    page_of = {plane: plane + 1 for plane in range(planes)}
    for entry in _xml_children(pixels, "TiffData"):
        if any(one.get("FileName", path.name) != path.name for one in _xml_children(entry, "UUID")):
            raise DataError(f"{path}: its channels lie in several files: save them in one")
        if "IFD" in entry.attrib and planes > 1:
            first, page = int(entry.get("FirstC", 0)), int(entry.get("IFD", 0)) + 1
            count = int(entry.get("PlaneCount", 1))
            page_of |= {first + step: page + step for step in range(min(count, planes - first))}
    return tuple(page_of[plane] for plane in range(planes))


def _ome_pixel_side(pixels: ElementTree.Element, axis: str) -> float:
    """The side of a pixel along an axis; 0 if it is not known."""
    unit = _MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"), 0.0)
    try:
        return float(pixels.get(f"PhysicalSize{axis}", 0)) * unit
    except ValueError:
        return 0.0


def _xml_children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if child.tag.rpartition("}")[2] == name]
