"""Images, lists and annotations: cut off, of other kinds, with headers that claim the world."""

import io
import json
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile

from tests.hostile.case import Case, Expected, Prepare, both, edited, file

PIXELS: Final = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)


def encoded(ending: str) -> bytes:
    return bytes(cv2.imencode(ending, PIXELS)[1].tobytes())


def png_of(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    """A PNG whose header claims a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def tiff_of(*tags: tuple[int, int, int]) -> bytes:
    """A TIFF with these tags (number, type, value) and no pixel."""
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", n, t, 1, v) for n, t, v in tags)
    return b"II*\0" + struct.pack("<I", 8) + body + b"\0\0\0\0"


def ome_of(description: str) -> bytes:
    """A TIFF of RGB with a description, which for an OME-TIFF is its XML."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, photometric="rgb", description=description, metadata=None)
    return stream.getvalue()


OME: Final = {
    "no-xml": "hello",
    "cut-xml": "<OME><Image><Pixels SizeX='20'",
    "no-image": "<OME/>",
    "sizes-of-text": "<OME><Image><Pixels SizeC='many'/></Image></OME>",
    "samples-of-text": "<OME><Image><Pixels><Channel SamplesPerPixel='many'/></Pixels></Image></OME>",
    "no-such-page": "<OME><Image><Pixels><Channel/><Channel/><TiffData IFD='77'/></Pixels></Image></OME>",
    "page-of-text": "<OME><Image><Pixels><Channel/><Channel/><TiffData IFD='x'/></Pixels></Image></OME>",
    "elsewhere": "<OME><Image><Pixels><TiffData><UUID FileName='x'/></TiffData></Pixels></Image></OME>",
    "entities": "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><OME><Image><Pixels>&b;</Pixels></Image></OME>",
    "many-channels": f"<OME><Image><Pixels>{'<Channel/>' * 5000}</Pixels></Image></OME>",
    "nan": "<OME><Image><Pixels PhysicalSizeX='nan' PhysicalSizeY='-1'/></Image></OME>",
}

READABLE: Final = frozenset({"sizes-of-text.ome.tif", "nan.ome.tif"})
"""Images whose pixels are whole, and whose sizes of pixels are odd, which matter only at a resolution."""


def contents() -> dict[str, bytes]:
    jpeg, png = encoded(".jpg"), encoded(".png")
    return {
        "nothing.png": b"",
        "text.png": b"hello",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut-with-end.jpg": jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "no-scan.jpg": jpeg[:200] + b"\xff\xd9",
        "cut.png": png[: len(png) // 2],
        "wrong-checksum.png": png[:60] + bytes([png[60] ^ 1]) + png[61:],
        "no-data.png": png_of(20, 16),
        "huge.png": png_of(20000, 20000),
        "widest.png": png_of(2**31 - 1, 1),
        "zero.png": png_of(0, 16),
        "bomb.png": png_of(20000, 20000, data=bytes(20000 * 300)),
        "odd-depth.png": png_of(20, 16, depth=3),
        "cut.webp": encoded(".webp")[:60],
        "cut.bmp": encoded(".bmp")[:60],
        "huge.tif": tiff_of((256, 4, 2**31), (257, 4, 2**31)),
        "two-widths.tif": tiff_of((256, 4, 20), (256, 4, 60000), (257, 4, 16), (257, 4, 60000)),
        "no-tags.tif": tiff_of(),
        "gif.png": b"GIF89a" + bytes(100),
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "cut.svs": ome_of("Aperio Image Library")[:300],
        "text.ndpi": b"hello",
        "nothing.mrxs": b"",
        "cut.ome.tif": ome_of("<OME/>")[:300],
        **{f"{name}.ome.tif": ome_of(description) for name, description in OME.items()},
    }


def coco(**changed: Any) -> str:
    document = {
        "images": [{"id": 1, "file_name": "0.png", "width": 20, "height": 16}],
        "categories": [{"id": 1, "name": "paper"}, {"id": 2, "name": "glass"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]], "iscrowd": 0}
        ],
    }
    for place, value in changed.items():
        part, _, key = place.partition("__")
        if key:
            document[part][0][key] = value
        else:
            document[part] = value
    return json.dumps(document)


ANNOTATIONS: Final[dict[str, str | bytes]] = {
    "no JSON": "hello",
    "nothing": "",
    "a list": "[]",
    "nested": "[" * 200_000,
    "bytes": bytes(range(256)),
    "no images": "{}",
    "a size of 65536": coco(images__width=65536, images__height=65536),
    "a size of 0": coco(images__width=0),
    "a size of nan": coco(images__width=float("nan")),
    "a negative size": coco(images__height=-5),
    "no file name": coco(images__file_name=None),
    "a file name outside": coco(images__file_name="../../../etc/passwd"),
    "a file name with NUL": coco(images__file_name="a\0b"),
    "a lone surrogate": coco(images__file_name="\ud800"),
    "an unknown category": coco(annotations__category_id=77),
    "an unknown image": coco(annotations__image_id=77),
    "a polygon of texts": coco(annotations__segmentation=[["a", "b"]]),
    "a polygon of two points": coco(annotations__segmentation=[[1, 1, 2, 2]]),
    "a polygon of nan": coco(annotations__segmentation=[[float("nan")] * 6]),
    "a polygon of 1e30": coco(annotations__segmentation=[[1e30] * 6]),
    "a polygon of 65536": coco(annotations__segmentation=[[0, 0, 65536, 0, 65536, 65536]]),
    "run lengths beyond": coco(annotations__segmentation={"counts": [1, 10**9], "size": [16, 20]}),
    "run lengths below": coco(annotations__segmentation={"counts": [-5, 325], "size": [16, 20]}),
    "run lengths of junk": coco(annotations__segmentation={"counts": "\x00\xff", "size": [16, 20]}),
    "run lengths of another size": coco(annotations__segmentation={"counts": [4], "size": [65536, 65536]}),
    "categories twice": coco(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]),
    "a category without a name": coco(categories=[{"id": 1}]),
    "ids of 5,000 digits": coco().replace('"image_id": 1', f'"image_id": {"9" * 5000}'),
}

VALUES: Final[dict[str, Any]] = {
    "null": None,
    "true": True,
    "a number": -1,
    "a fraction": 0.5,
    "nan": float("nan"),
    "a large number": 10**30,
    "a text": "x",
    "an empty text": "",
    "a list": [],
    "a list of lists": [[[]]],
    "a mapping": {},
}

LISTS: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "NUL": b"images/0.png\0\n",
    "UTF-16": "images/0.png".encode("utf-16"),
    "a missing image": "images/none.png\n",
    "itself": "list.txt\n",
    "a folder": "images\n",
    "a device": "/dev/zero\n",
    "an open quote": '"images/0.png\n',
    "a long line": "a" * 200_000,
    "the same twice": "images/0.png\nimages/0.png\n",
}

PATTERNS: Final = (
    "a**b",
    "images/**x",
    "[",
    "images/[",
    "***",
    "images/\x01*",
    "/**/**/**/nothing*",
    "*" * 300,
)


def cases() -> Iterator[Case]:
    for name, content in contents().items():
        only = both(_only_image(name), file(f"photos/{name}", content))
        expected: Expected = "accepted" if name in READABLE else "refused"
        yield Case(f"image {name}", ("ensemble", "spec.yaml"), only, expected, says=name)
        yield Case(f"check {name}", ("data", "check", "dataset.yaml"), only, "either", megabytes=400)
        mask = file("masks/0.png", content)
        yield Case(f"mask of {name}", ("data", "check", "dataset.yaml"), mask, "either", megabytes=400)
        yield Case(f"evaluate mask of {name}", ("evaluate", "spec.yaml"), mask, says="masks/0.png")
    for name, text in ANNOTATIONS.items():
        made = both(file("coco.json", text), _with_coco)
        yield Case(f"check COCO: {name}", ("data", "check", "dataset.yaml"), made, "either", megabytes=400)
        yield Case(f"evaluate COCO: {name}", ("evaluate", "spec.yaml"), made, "either", megabytes=400)
    for place, changed in _changed(json.loads(coco())):
        made = both(file("coco.json", json.dumps(changed)), _with_coco)
        yield Case(f"check COCO: {place}", ("data", "check", "dataset.yaml"), made, "either", "coco.json")
        # Categories that are lost are told from the model, which is named then.
        yield Case(f"evaluate COCO: {place}", ("evaluate", "spec.yaml"), made, "either")
    for name, lines in LISTS.items():
        listed = file("list.txt", lines)
        yield Case(f"list: {name}", ("ensemble", "spec.yaml", "--images", "list.txt"), listed, "either")
    for pattern in PATTERNS:
        yield Case(f"pattern {pattern[:30]!r}", ("ensemble", "spec.yaml", "--images", pattern))
    for name, put in SPECIAL.items():
        yield Case(f"a folder with {name}", ("ensemble", "spec.yaml", "--images", "photos"), put, "either")


def _changed(node: Any) -> Iterator[tuple[str, Any]]:
    """A document with each of its values, in turn, in each of other shapes, and their places."""
    for name, value in VALUES.items():
        yield f"is {name}", value
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            for place, inner in _changed(node[key]):
                copy = node.copy()
                copy[key] = inner
                yield f"{key} {place}", copy


def _only_image(name: str) -> Prepare:
    line = "val: {images: images, masks: masks}\n"
    return edited("dataset.yaml", line, f"{line}predict: {{images: photos/{name}}}\n")


def _with_coco(folder: Path) -> None:
    text = (
        "train: {images: images, annotations: coco.json}\nval: {images: images, annotations: coco.json}\n"
        "unlabelled: ground\n"
    )
    (folder / "dataset.yaml").write_text(text, encoding="utf-8")


def _photos(folder: Path) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    (photos / "right.png").write_bytes(encoded(".png"))
    return photos


def _pipe(folder: Path) -> None:
    os.mkfifo(_photos(folder) / "pipe.png")


def _socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(_photos(folder))
    try:
        socket.socket(socket.AF_UNIX).bind("socket.png")
    finally:
        os.chdir(here)


def _endless(folder: Path) -> None:
    (_photos(folder) / "endless.png").symlink_to("/dev/zero")


def _circle(folder: Path) -> None:
    photos = _photos(folder)
    (photos / "circle.png").symlink_to("circle.png")
    (photos / "up").symlink_to("..")


def _no_text(folder: Path) -> None:
    (_photos(folder) / os.fsdecode(b"\xff\xfe.png")).write_bytes(encoded(".png"))


def _odd_names(folder: Path) -> None:
    photos = _photos(folder)
    for name in ("a\nb.png", '"quoted".png', "a,b.png", "=1+1.png", " .png", "\x1b[31m.png", "ü.png"):
        (photos / name).write_bytes(encoded(".png"))


def _folder_named_image(folder: Path) -> None:
    (_photos(folder) / "folder.png").mkdir()


SPECIAL: Final[dict[str, Prepare]] = {
    "a pipe": _pipe,
    "a socket": _socket,
    "a link to /dev/zero": _endless,
    "links in a circle": _circle,
    "a name that is no text": _no_text,
    "odd names": _odd_names,
    "a folder named like an image": _folder_named_image,
}
