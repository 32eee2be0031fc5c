"""Clients that want the server to fall over: what they get, and what it costs."""

import json
import os
import re
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from benchmarks.serve.attacks import (
    half_sent_headers,
    many_images,
    nested_json,
    too_large_upload,
    two_widths,
)
from seg.engine.ensemble import Ensemble
from seg.engine.runtimes.profiling import resident_bytes
from seg.engine.serve.bodies.process import memory_of_body_process
from seg.spec.ensemble.prediction import TileSpec
from tests.engine.serve.conftest import PATIENCE_S, Gate, serving, some_image

DECODER_BYTES = memory_of_body_process(16_000_000, 3 * 16_000_000 + 2**16) + 200_000_000


def png(image: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    done, data = cv2.imencode(".png", image)
    assert done
    return bytes(data.tobytes())


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def peak_of_children() -> int:
    """The most that any child process of this one ever held, in bytes."""
    peaks = [0]
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text().split():
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{child}/status").read_text().splitlines()
                peaks.append(1024 * int(next(one for one in lines if one.startswith("VmHWM")).split()[1]))
    return max(peaks)


def tiff(*tags: tuple[int, int, int]) -> bytes:
    """A TIFF of a directory alone: tag, kind and value."""
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


def larger_inside(width: int, height: int) -> bytes:
    """A WebP whose container claims another size than the picture in it has."""
    _, inner = cv2.imencode(".webp", np.zeros((900, 900, 3), np.uint8), (cv2.IMWRITE_WEBP_QUALITY, 80))
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + size + inner.tobytes()[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


GREY = [(258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
TEXT_BOMB = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
BOMBS = {
    "two widths": two_widths(),
    "two heights": tiff((256, 4, 100), (257, 4, 150_000), (257, 4, 100), *GREY, (273, 4, 8), (279, 4, 50)),
    "a tile of 15000x15000": tiff(
        (256, 4, 100), (257, 4, 100), *GREY, (322, 4, 15_000), (323, 4, 15_000), (324, 4, 8), (325, 4, 50)
    ),
    "strips of many rows": tiff(
        (256, 4, 4000), (257, 4, 4000), *GREY, (278, 4, 4_000_000), (273, 4, 8), (279, 4, 2**31)
    ),
    "a WebP that is larger inside": larger_inside(9, 9),
    "a JPEG of fill bytes": b"\xff\xd8" + b"\xff" * 500_000,
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_file_that_lies_about_its_size_is_refused(case: str, client: httpx.Client) -> None:
    answer = client.post("/label", content=BOMBS[case])
    assert answer.status_code in (400, 413, 415)
    assert "\n" not in answer.json()["error"]
    assert peak_of_children() < DECODER_BYTES
    assert client.post("/label", content=png(some_image(1))).status_code == 200


def test_a_bomb_in_what_is_no_pixel_is_not_unpacked(client: httpx.Client) -> None:
    data = with_chunk(png(some_image(1)), b"zTXt", TEXT_BOMB)
    assert client.post("/label", content=data).status_code == 200
    assert peak_of_children() < DECODER_BYTES


def test_a_decoder_that_is_killed_is_replaced(client: httpx.Client) -> None:
    for thread in Path("/proc/self/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            if "bodies.worker" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(child, 9)
    statuses = [client.post("/label", content=png(some_image(1))).status_code for _ in range(3)]
    assert statuses[-1] == 200
    assert set(statuses) <= {200, 400}


def test_large_images_are_cut_so_that_memory_suffices(project: Path) -> None:
    image = some_image(3, (40, 1300))
    with serving(project, memory=resident_bytes() + 300_000_000) as address:
        side, _ = httpx.get(f"{address}/about").json()["tile"]
        assert side < 1300
        answer = httpx.post(f"{address}/label", content=png(image[..., ::-1]), timeout=PATIENCE_S)
    tiled = replace(Ensemble.load(project), tile=TileSpec(size=(side, side)))
    found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, tiled.predict(image).labels)


def test_images_that_do_not_fit_beside_each_other_are_turned_away(project: Path, gate: Gate) -> None:
    gate.is_open.clear()
    body = png(some_image(1, (400, 500)))
    with serving(project, gate, free=10_000_000) as address, ThreadPoolExecutor(1) as other:
        first = other.submit(httpx.post, f"{address}/label", content=body, timeout=PATIENCE_S)
        assert gate.entered.acquire(timeout=PATIENCE_S)
        answer = httpx.post(f"{address}/label", content=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert "memory" in answer.json()["error"]
        gate.is_open.set()
        assert first.result().status_code == 200
        larger = httpx.post(f"{address}/label", content=png(np.zeros((900, 900, 3), np.uint8)))
        assert larger.status_code == 413
        assert httpx.post(f"{address}/label", content=body, timeout=PATIENCE_S).status_code == 200
        assert "seg_memory_reserved_bytes 0.0" in httpx.get(f"{address}/metrics").text


def test_half_sent_headers_are_closed_and_leave_room_for_others(project: Path) -> None:
    with (
        serving(project, headers_seconds=2.0, connections_per_client=200) as address,
        ThreadPoolExecutor(1) as attacker,
    ):
        attack = attacker.submit(half_sent_headers, port_of(address), 260)
        while not attack.done():
            assert httpx.get(f"{address}/v2/health/live", timeout=PATIENCE_S).status_code == 200
            time.sleep(0.05)
        assert attack.result() == "260 of 260 closed"


def test_a_header_that_comes_byte_by_byte_is_late(project: Path) -> None:
    with (
        serving(project, headers_seconds=0.5) as address,
        socket.create_connection(("127.0.0.1", port_of(address)), timeout=PATIENCE_S) as connection,
    ):
        with suppress(OSError):
            for _ in range(30):
                connection.sendall(b"x")
                time.sleep(0.05)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("attack", [many_images("team"), nested_json("team", 6_000_000)])
def test_a_request_of_many_parts_does_not_hold_up_others(attack: partial[str], address: str) -> None:
    with ThreadPoolExecutor(1) as attacker:
        status = attacker.submit(attack, port_of(address))
        while not status.done():
            assert httpx.get(f"{address}/v2/health/live", timeout=5.0).status_code == 200
        assert status.result() in ("400", "413")


def test_everyone_who_sends_too_much_gets_the_answer(address: str) -> None:
    with ThreadPoolExecutor(24) as clients:
        statuses = Counter(clients.map(too_large_upload, [port_of(address)] * 24))
    assert statuses == {"413": 24}


def test_who_does_not_read_loses_the_place(project: Path) -> None:
    noise = png(some_image(5, (1000, 1000)))
    head = f"POST /label?as=rle HTTP/1.1\r\nHost: x\r\nContent-Length: {len(noise)}\r\n\r\n"
    with serving(project, requests=1, seconds=3.0) as address, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port_of(address)))
        connection.sendall(head.encode() + noise)
        assert _status_within(address, 429, PATIENCE_S)
        assert _status_within(address, 200, PATIENCE_S)


def _status_within(address: str, status: int, seconds: float) -> bool:
    gives_up = time.monotonic() + seconds
    body = png(some_image(1))
    while httpx.post(f"{address}/label", content=body, timeout=PATIENCE_S).status_code != status:
        if time.monotonic() > gives_up:
            return False
        time.sleep(0.02)
    return True


RAW = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n", 400),
    "a long header line": (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", 400),
    "many header lines": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", 400),
    "a path that is no UTF-8": (b"GET /v2/models/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "two lengths": (
        b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        400,
    ),
    "a length below nothing": (b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "a length of a thousand digits": (
        b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 1000 + b"\r\n\r\n",
        400,
    ),
    "chunks of no number": (
        b"POST /label HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        400,
    ),
    "an upgrade": (
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        200,
    ),
    "a compressed body": (
        b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        415,
    ),
    "a form without a boundary": (
        b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx",
        400,
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_whatever_is_sent_is_answered_in_one_line(case: str, address: str) -> None:
    sent, status = RAW[case]
    with socket.create_connection(("127.0.0.1", port_of(address)), timeout=PATIENCE_S) as connection:
        connection.sendall(sent)
        answer = connection.recv(65_536)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    if status != 200:
        body = answer.partition(b"\r\n\r\n")[2] or b"{}"
        assert "\n" not in json.loads(body).get("error", "")


def test_pipelined_requests_are_answered_in_order(address: str) -> None:
    paths = ["/v2", "/nowhere", "/about", "/v2/health/live"]
    requests = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
    last = b"GET /v2/models/team HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port_of(address)), timeout=PATIENCE_S) as connection:
        connection.sendall(requests + last)
        while data := connection.recv(65_536):
            answer += data
    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answer)
    assert statuses == [b"200", b"404", b"200", b"200", b"200"]


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
FORMS = {
    "no end": PART + b"x",
    "no part": b"--b--\r\n",
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    "a field alone": b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--b--\r\n',
    "many parts": (PART + b"x\r\n") * 50 + b"--b--\r\n",
    "a long header": b"--b\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n--b--\r\n",
    "almost boundaries": PART + b"\r\n--" * 300_000 + b"\r\n--b--\r\n",
    "another boundary": PART.replace(b"--b", b"--c") + b"x\r\n--c--\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_is_wrong_is_told_so(case: str, client: httpx.Client) -> None:
    answer = client.post("/label", content=FORMS[case], headers=BOUNDARY)
    assert answer.status_code in (400, 415)
    assert "\n" not in answer.json()["error"]


def test_good_clients_are_served_beside_bad_ones(address: str) -> None:
    """A short version of `python -m benchmarks.serve.serve_under_attack --mixed`."""
    over = threading.Event()
    body = png(some_image(1))
    outcomes: Counter[int] = Counter()

    def attack(kind: int) -> None:
        while not over.is_set():
            with suppress(OSError, httpx.HTTPError):
                if kind == 0:
                    httpx.post(f"{address}/label", content=BOMBS["two widths"], timeout=PATIENCE_S)
                elif kind == 1:
                    many_images("team")(port_of(address))
                else:
                    with socket.create_connection(("127.0.0.1", port_of(address))) as half:
                        half.sendall(b"POST /label HTT")
                        over.wait(0.1)

    with ThreadPoolExecutor(6) as bad:
        for number in range(6):
            bad.submit(attack, number % 3)
        for _ in range(10):
            outcomes[httpx.post(f"{address}/label", content=body, timeout=PATIENCE_S).status_code] += 1
            assert httpx.get(f"{address}/v2/health/live", timeout=5.0).status_code == 200
        over.set()
    assert set(outcomes) <= {200, 429}
    assert outcomes[200] > 0
