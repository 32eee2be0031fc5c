"""Zoomable maps: tiles put together again, against levels that are computed as a whole; and the page."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from seg.labels.classes import ClassInfo, default_colour
from seg.labels.task import Task, pack_masks
from seg.pictures.zoom_map import MapLayer, tile_pyramid, write_zoom_map
from seg.pictures.zoom_map.tile_pyramid import TilePyramid, first_pyramid_level, last_pyramid_level

CLASSES = [ClassInfo(id=n, name=name, colour=default_colour(n)) for n, name in enumerate(["glass", "a", "b"])]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_pyramid, "TILE", 8)
    monkeypatch.setattr("seg.pictures.zoom_map.zoom_map.TILE", 8)


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the sides, pixel by pixel."""
    height, width, channels = image.shape
    small = np.empty((-(-height // 2), -(-width // 2), channels), dtype=np.uint8)
    for row, column in np.ndindex(*small.shape[:2]):
        rows, columns = (
            [min(2 * one, side - 1), min(2 * one + 1, side - 1)]
            for one, side in ((row, height), (column, width))
        )
        fours = image[np.ix_(rows, columns)].astype(int)
        small[row, column] = (fours.sum(axis=(0, 1)) + 2) // 4
    return small


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 30))
@settings(max_examples=40)
def test_tiles_are_those_of_each_level(height: int, width: int, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_pyramid, "TILE", 8)
        image = np.random.default_rng(0).integers(0, 256, (height, width, 2), dtype=np.uint8)
        saved: dict[tuple[int, int, int], Any] = {}

        def save(level: int, column: int, row: int, tile: NDArray[np.uint8]) -> None:
            saved[level, column, row] = tile

        pyramid = TilePyramid((height, width), save)
        for top in range(0, height, step):
            pyramid.add(image[top : top + step])
        level = image
        for number in range(
            last_pyramid_level((height, width)), first_pyramid_level((height, width)) - 1, -1
        ):
            columns, rows = -(-level.shape[1] // 8), -(-level.shape[0] // 8)
            tiles = [[saved.pop((number, column, row)) for column in range(columns)] for row in range(rows)]
            together = np.concatenate([np.concatenate(row, axis=1) for row in tiles])
            np.testing.assert_array_equal(together, level)
            level = shrunk(level)
        assert not saved


def facts_of(folder: Path) -> dict[str, Any]:
    text = (folder / "index.html").read_text()
    found = re.search(r'id="facts">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    facts: dict[str, Any] = json.loads(found[1])
    return facts


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_each_class_has_the_tiles_in_which_it_is(task: Task, tmp_path: Path) -> None:
    masks = np.zeros((3, 30, 41), dtype=np.bool_)
    masks[2, 20:25, 30:38] = True
    masks[0] = ~masks[2]
    labels = pack_masks(masks) if task == "multilabel" else np.where(masks[2], np.uint8(2), np.uint8(0))
    image = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    write_zoom_map(tmp_path, "<b>", image, [MapLayer("truth", labels, CLASSES, task, clear=0)], 0.5)

    facts = facts_of(tmp_path)
    assert (facts["width"], facts["height"], facts["levels"], facts["pixelUm"]) == (41, 30, [3, 6], 0.5)
    [only] = facts["layers"][0]["classes"]
    assert (only["name"], only["share"]) == ("b", 40 / (30 * 41))
    assert set(only["tiles"]["6"]) == {"3_2", "4_2", "3_3", "4_3"}
    folder = tmp_path / "layer-0/2"
    written = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.png")}
    assert written == {f"{level}/{name}" for level, names in only["tiles"].items() for name in names}
    tile = cv2.imread(str(tmp_path / "layer-0/2/6/3_2.png"), cv2.IMREAD_UNCHANGED)
    assert tile is not None
    np.testing.assert_array_equal(tile[..., 3], masks[2, 16:24, 24:32] * np.uint8(255))
    assert tile[7, 7, 2::-1].tolist() == list(CLASSES[2].colour)
    assert "<title>&lt;b&gt;</title>" in (tmp_path / "index.html").read_text()
    assert (tmp_path / "openseadragon.LICENSE.txt").read_text().startswith("Copyright (C) 2009 CodePlex")


@pytest.mark.browser
def test_the_page_shows_classes_and_hides_them_from_a_folder(tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    image = np.full((64, 64, 3), 255, dtype=np.uint8)
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[:, 32:] = 2
    other = np.ones_like(labels)
    layers = [MapLayer("truth", labels, CLASSES, clear=0), MapLayer("ensemble", other, CLASSES, clear=0)]
    write_zoom_map(tmp_path, "a slide", image, layers, 0.5)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 600}, reduced_motion="reduce")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto((tmp_path / "index.html").as_uri())

        def wait_for(*wanted: tuple[int, int, int]) -> None:
            """Until the image's left and right half have these colours."""
            for _ in range(200):
                shot = np.frombuffer(page.locator("#map").screenshot(), dtype=np.uint8)
                picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
                assert picture is not None
                height, width = picture.shape[:2]
                found = [
                    tuple(picture[height // 4, width // 2 + place, ::-1].tolist()) for place in (-100, 100)
                ]
                if found == list(wanted):
                    return
                page.wait_for_timeout(100)
            pytest.fail(f"the halves have the colours {found}, not {wanted}")

        white = (255, 255, 255)
        page.locator("#strength").fill("1")
        wait_for(white, CLASSES[2].colour)
        page.get_by_role("checkbox", name="b 50.0%").uncheck()
        wait_for(white, white)
        page.get_by_role("radio", name="ensemble").check()
        wait_for(CLASSES[1].colour, CLASSES[1].colour)
        page.get_by_role("radio", name="none").check()
        wait_for(white, white)
        assert page.locator("#scale span").inner_text().endswith("µm")
        assert complaints == []
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
            assert found.violations_count == 0, found.generate_report()
        browser.close()
