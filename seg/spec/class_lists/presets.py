"""The classes of public datasets whose folders hold no class list: Pascal VOC and Cityscapes.

Sources: the VOC 2012 development kit (its colour map gives the bits of each id, lowest first, to red, green
and blue), and labels.py of cityscapesScripts.
"""

from typing import Any, Final

_VOC: Final = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]

_CITYSCAPES: Final = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)


def voc_colour(number: int) -> tuple[int, int, int]:
    """The colour of an id in VOC's palette."""
    red = green = blue = 0
    for place in range(7, -1, -1):
        red |= (number & 1) << place
        green |= (number >> 1 & 1) << place
        blue |= (number >> 2 & 1) << place
        number >>= 3
    return red, green, blue


PRESETS: Final[dict[str, list[dict[str, Any]]]] = {
    "voc": [{"name": name, "id": number, "colour": voc_colour(number)} for number, name in enumerate(_VOC)],
    "cityscapes": [{"name": name, "id": number, "colour": colour} for number, name, colour in _CITYSCAPES],
}
"""Classes by the name of their dataset."""
