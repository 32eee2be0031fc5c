"""The server over real sockets: what it answers, whom it turns away, and how."""

import socket
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from seg.engine.ensemble import Ensemble
from seg.engine.serve.http.connections import LINGER_BYTES
from seg.engine.submissions.tables.rle import decode_rle
from seg.errors import ModelError
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.pictures.drawing import draw_overlay
from tests.engine.serve.conftest import PATIENCE_S, POISON, Gate, serving, some_image
from tests.engine.tiny_models import CLASSES


def png(image_hwc: ImageHWC) -> bytes:
    done, data = cv2.imencode(".png", np.ascontiguousarray(image_hwc[..., ::-1]))
    assert done
    return bytes(data.tobytes())


def grey(data: bytes) -> LabelsHW:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, dtype=np.uint8)


def post(address: str, body: bytes) -> httpx.Response:
    return httpx.post(address, content=body, timeout=PATIENCE_S)


def expected(project: Path, image_hwc: ImageHWC) -> LabelsHW:
    return Ensemble.load(project).predict(image_hwc).labels


def test_labels_come_as_a_picture_of_class_positions(client: httpx.Client, project: Path) -> None:
    answer = client.post("/label", content=png(some_image(1)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    np.testing.assert_array_equal(grey(answer.content), expected(project, some_image(1)))


def test_labels_come_as_run_lengths(client: httpx.Client, project: Path) -> None:
    found = client.post("/label?as=rle", content=png(some_image(1))).json()
    labels_hw = expected(project, some_image(1))
    assert (found["height"], found["width"]) == labels_hw.shape
    assert [(one["id"], one["name"]) for one in found["classes"]] == [(c.id, c.name) for c in CLASSES]
    for label, one in enumerate(found["classes"]):
        mask_hw = decode_rle(one["rle"], labels_hw.shape)
        np.testing.assert_array_equal(mask_hw, labels_hw == label)
        assert one["pixels"] == mask_hw.sum()


def test_labels_come_drawn_over_the_image(client: httpx.Client, project: Path) -> None:
    flat_hwc = np.full((40, 60, 3), 120, dtype=np.uint8)
    answer = client.post("/label?as=overlay", content=png(flat_hwc))
    assert answer.headers["content-type"] == "image/jpeg"
    found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    drawn = draw_overlay(flat_hwc, expected(project, flat_hwc), CLASSES, clear=0)
    assert np.abs(found.astype(int) - drawn).mean() < 6


@pytest.mark.parametrize(
    "name", ["photo.png", "../../../etc/passwd", "/etc/cron.d/x", "a\x00b.png", "=HYPERLINK()"]
)
def test_a_form_will_do_and_its_file_name_means_nothing(
    name: str, client: httpx.Client, project: Path
) -> None:
    answer = client.post("/label", files={"image": (name, png(some_image(2)))})
    np.testing.assert_array_equal(grey(answer.content), expected(project, some_image(2)))


def bomb() -> bytes:
    """A PNG of some kilobytes that claims, and has, a gigapixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    side = 32_768
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


WHOLE = png(some_image(3, (40, 50)))
MALFORMED = {
    "empty": (b"", 400, "there is no image"),
    "a text": (b"root:x:0:0", 415, "is not a PNG, JPEG, WebP, BMP or TIFF"),
    "a GIF": (b"GIF89a" + bytes(50), 415, "is not a PNG"),
    "half a PNG": (WHOLE[: len(WHOLE) // 2], 400, "is cut off"),
    "a header alone": (WHOLE[:20], 415, "is cut off"),
    "a flipped bit": (WHOLE[:200] + bytes([WHOLE[200] ^ 1]) + WHOLE[201:], 400, "is cut off or damaged"),
    "a bomb": (bomb(), 413, "1073.7 million pixels, and 16.0 are allowed"),
    "too many bytes": (bytes(20_000_001), 413, "more than 20.0 MB"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_upload_is_told_so_in_one_line(case: str, client: httpx.Client) -> None:
    body, status, words = MALFORMED[case]
    for answer in (client.post("/label", content=body), client.post("/look", content=body)):
        line = answer.json()["error"]
        assert (answer.status_code, "\n" in line) == (status, False)
        assert words in line
    assert client.post("/label", content=WHOLE).status_code == 200


def test_a_client_that_sends_too_much_slowly_gets_the_answer(client: httpx.Client) -> None:
    """A connection that is closed while it sends would be reset, and the answer lost."""
    place = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(place, timeout=30) as connection:
        connection.sendall(b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Length: 20000001\r\n\r\n")
        for size in (10_000_000, 10_000_001):
            time.sleep(0.2)
            connection.sendall(bytes(size))
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_client_that_asks_first_need_not_send_too_much(client: httpx.Client) -> None:
    place = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(place, timeout=30) as connection:
        connection.sendall(
            b"POST /label HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20000001\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def system_buffers() -> int:
    """The most that the system holds of what was sent and is not read, in bytes."""
    sizes = [Path(f"/proc/sys/net/ipv4/tcp_{kind}mem").read_text().split() for kind in "rw"]
    return sum(int(most) for _, _, most in sizes)


def test_a_body_without_a_length_is_not_read_beyond_the_limit(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 500_000_000:
            sent += 1_000_000
            yield bytes(1_000_000)

    assert client.post("/label", content=endless()).status_code == 413
    # What is allowed, what is read on for the client's sake, what the system takes in between, and chunks.
    assert sent <= 20_000_000 + LINGER_BYTES + system_buffers() + 3_000_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/page.js/../../app.py", 404),
        ("GET", "/label", 405),
        ("POST", "/label?as=gif", 400),
        ("POST", "/label?seconds=-1", 400),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/..%2f..%2fteam", 404),
        ("POST", "/v2/models/other/infer", 404),
    ],
)
def test_wrong_addresses_and_questions(method: str, path: str, status: int, client: httpx.Client) -> None:
    url = httpx.URL(str(client.base_url)).copy_with(raw_path=path.encode())
    answer = client.request(method, url)
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]


def test_who_comes_when_the_house_is_full_is_turned_away_at_once(project: Path, gate: Gate) -> None:
    gate.is_open.clear()
    with serving(project, gate, requests=2) as address, ThreadPoolExecutor(2) as others:
        asked = [
            others.submit(httpx.post, f"{address}/label", content=WHOLE, timeout=PATIENCE_S) for _ in "ab"
        ]
        wait_for(address, "seg_requests_inside", 2)
        turned_away = httpx.post(f"{address}/label", content=WHOLE)
        assert turned_away.status_code == 429
        assert int(turned_away.headers["retry-after"]) >= 1
        assert httpx.get(f"{address}/v2/health/live").status_code == 200
        gate.is_open.set()
        assert [one.result().status_code for one in asked] == [200, 200]
        assert httpx.post(f"{address}/label", content=WHOLE).status_code == 200


def test_what_is_not_done_in_time_is_given_up(project: Path, gate: Gate) -> None:
    gate.is_open.clear()
    with serving(project, gate) as address:
        answer = httpx.post(f"{address}/label?seconds=0.2", content=WHOLE, timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["error"]) == (504, "not done within 0.2 s")
        gate.is_open.set()
        assert httpx.post(f"{address}/label", content=WHOLE).status_code == 200


def test_who_hangs_up_frees_the_place(project: Path, gate: Gate) -> None:
    gate.is_open.clear()
    with serving(project, gate, requests=1) as address:
        host, port = address.removeprefix("http://").split(":")
        head = f"POST /label HTTP/1.1\r\nHost: x\r\nContent-Length: {len(WHOLE)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + WHOLE)
            wait_for(address, "seg_requests_inside", 1)
        wait_for(address, "seg_requests_inside", 0)
        gate.is_open.set()
        assert httpx.post(f"{address}/label", content=WHOLE).status_code == 200


@pytest.mark.parametrize("failure", [RuntimeError("out of\nmemory"), ModelError("out of memory")])
def test_an_image_that_the_engine_fails_on_is_a_server_error_in_one_line(
    failure: Exception, project: Path, gate: Gate
) -> None:
    gate.failure = failure
    with serving(project, gate) as address:
        poison = png(np.full((9, 12, 3), POISON, dtype=np.uint8))
        answer = httpx.post(f"{address}/label", content=poison, timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["error"]) == (
            500,
            "the engine fails on this image: out of memory",
        )
        assert httpx.post(f"{address}/label", content=WHOLE).status_code == 200
        assert httpx.get(f"{address}/v2/health/ready").status_code == 200


def figures(address: str) -> dict[str, float]:
    text = httpx.get(f"{address}/metrics").text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {" ".join([one.name, *sorted(one.labels.values())]): one.value for one in samples}


def wait_for(address: str, name: str, value: float) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while figures(address)[name] != value:
        assert time.monotonic() < give_up, figures(address)[name]
        time.sleep(0.01)


def test_prometheus_is_told_what_happened(project: Path) -> None:
    with serving(project) as address, httpx.Client(base_url=address) as client:
        before = figures(address)["seg_passes_total"]
        client.post("/label", content=WHOLE)
        client.post("/label", content=b"x")
        client.get("/somewhere")
        found = figures(address)
    assert found["seg_requests_total /label 200"] == found["seg_requests_total /label 415"] == 1
    assert found["seg_requests_total 404 elsewhere"] == 1
    assert found["seg_request_seconds_count /label"] == 1
    assert found["seg_passes_total"] - before == 16
    assert found["seg_requests_inside"] == found["seg_images_waiting"] == 0
    assert found["seg_stage_seconds_total network"] > 0


def test_many_clients_at_once_get_what_each_asked_for(address: str, project: Path) -> None:
    images = [some_image(seed, (8 + seed % 3, 10)) for seed in range(24)]
    wanted = [expected(project, image_hwc) for image_hwc in images]
    with httpx.Client(base_url=address, timeout=PATIENCE_S) as client, ThreadPoolExecutor(12) as threads:

        def ask(image_hwc: ImageHWC) -> LabelsHW:
            return grey(client.post("/label", content=png(image_hwc)).content)

        for found, labels_hw in zip(threads.map(ask, images), wanted, strict=True):
            np.testing.assert_array_equal(found, labels_hw)


def test_maps_are_shown_and_nothing_beside_them(project: Path, tmp_path: Path) -> None:
    (tmp_path / "maps/1").mkdir(parents=True)
    (tmp_path / "maps/index.html").write_text("the list")
    (tmp_path / "maps/1/index.html").write_text("a map")
    (tmp_path / "maps/linked").symlink_to(project)
    with serving(project, maps=tmp_path / "maps") as address:
        assert httpx.get(f"{address}/about").json()["maps"] is True
        assert httpx.get(f"{address}/maps/").text == "the list"
        assert httpx.get(f"{address}/maps/1/index.html").text == "a map"
        for other in (
            "maps/2",
            "maps/..%2Fspec.yaml",
            "maps/%2e%2e/spec.yaml",
            "maps/linked",
            "maps//etc/passwd",
        ):
            found = httpx.get(f"{address}/{other}")
            assert (found.status_code, "members" in found.text) == (404, False), other


def test_without_maps_there_are_none(client: httpx.Client) -> None:
    assert client.get("/about").json()["maps"] is False
    assert client.get("/maps/").status_code == 404
