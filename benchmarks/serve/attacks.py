"""Attacks on `seg serve`, each as one client makes it: what it sends, and what it got."""

import http.client
import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import cv2
import numpy as np

GIVE_UP_S: Final = 60.0

SHORT: Final = 3
LONG: Final = 4
"""Kinds of values in a TIFF's directory."""

Attack = Callable[[int], str]
"""Takes a port, and says what the client got."""


def request_once(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
    try:
        with suppress(ConnectionError):
            connection.request(
                method, path, body, {name.replace("_", "-"): one for name, one in headers.items()}
            )
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def posting_attack(path: str, body: bytes, **headers: str) -> Attack:
    """An attack that sends one body."""

    def attack(port: int) -> str:
        status, _ = request_once(port, "POST", path, body, **headers)
        return str(status)

    return attack


def two_widths(width: int = 60_000, height: int = 53_000) -> bytes:
    """A TIFF of some kilobytes whose directory names a large width first, and then a small one."""
    strips = 400
    tags = [(256, LONG, 1, width), (256, LONG, 1, 16), (257, LONG, 1, height), (258, SHORT, 1, 8)]
    tags += [(259, SHORT, 1, 1), (262, SHORT, 1, 1), (277, SHORT, 1, 1), (278, LONG, 1, height // strips + 1)]
    place = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(273, LONG, strips, place), (279, LONG, strips, place + 4 * strips)]
    tags.sort(key=lambda tag: tag[0])
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count)
        + (struct.pack("<HH", value, 0) if kind == SHORT else struct.pack("<I", value))
        for tag, kind, count, value in tags
    )
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    strip_places = struct.pack(f"<{2 * strips}I", *[8] * strips, *[16] * strips)
    return b"II*\0" + struct.pack("<I", 8) + directory + strip_places


def nine_megapixels() -> bytes:
    """An honest photo-like JPEG of 3000x3000 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    _, data = cv2.imencode(".jpg", cv2.resize(noise, (3000, 3000), interpolation=cv2.INTER_CUBIC))
    return bytes(data.tobytes())


def half_sent_headers(port: int, count: int = 300) -> str:
    """Open connections, send half a header on each, and count what becomes of them within 20 s."""
    ends_at = time.monotonic() + 20
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for one in sockets:
        with suppress(OSError):
            one.sendall(b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Le")
    closed = 0
    for one in sockets:
        one.settimeout(max(0.01, ends_at - time.monotonic()))
        try:
            while one.recv(4096):
                pass
            closed += 1
        except TimeoutError:
            pass
        except OSError:
            closed += 1
        one.close()
    return f"{closed} of {count} closed"


def tensor_request(shape: list[int], **more: object) -> dict[str, object]:
    return {"inputs": [{"name": "image", "datatype": "UINT8", "shape": shape, **more}]}


def many_images(name: str) -> Attack:
    count = 100_000
    header = json.dumps(tensor_request([count, 1, 1, 3], parameters={"binary_data_size": 3 * count})).encode()
    return posting_attack(
        f"/v2/models/{name}/infer",
        header + bytes(3 * count),
        Inference_Header_Content_Length=str(len(header)),
    )


def nested_json(name: str, size: int = 48_000_000) -> Attack:
    start = json.dumps(tensor_request([1, 4000, 4000, 3], data=[])).encode()[: -len(b"]}]}")]
    rows = b",".join([b"[[0,1,2],[3,4,5]]"] * (size // 18))
    return posting_attack(f"/v2/models/{name}/infer", start + rows + b"]}]}")


def too_large_upload(port: int) -> str:
    """Send 25 MB where 20 are allowed, without reading before all is sent."""
    status, _ = request_once(port, "POST", "/label", bytes(25_000_000))
    return str(status)


def attacks_on(name: str) -> dict[str, tuple[Attack, int]]:
    """Every attack with how many clients make it at once."""
    return {
        "a TIFF of two widths": (posting_attack("/label", two_widths()), 1),
        "one image of 9 megapixels": (posting_attack("/label", nine_megapixels()), 1),
        "300 half-sent headers": (half_sent_headers, 1),
        "100,000 images of a pixel": (many_images(name), 1),
        "48 MB of nested JSON": (nested_json(name), 1),
        "58 clients that send too much": (too_large_upload, 58),
    }
