"""The page in a real browser: what it shows, held to the engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from seg.data.images.images import write_image
from seg.engine.ensemble import Ensemble
from tests.engine.serve.conftest import some_image
from tests.engine.tiny_models import CLASSES

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PIXELS = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.height, canvas.width, Array.from(data)];
}"""

DROP = """(drop, bytes) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
  drop.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """The page; fails the test afterwards where it complained or asked another server."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "blob:", "data:"))
                else complaints.append(request.url)
            ),
        )
        page.goto(address)
        expect(page.locator("#status")).to_have_text("Ready")
        yield page
        browser.close()
    assert complaints == []


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    write_image(tmp_path / "picture.png", some_image(5, (21, 34)))
    return tmp_path / "picture.png"


def mask_of(page: Page) -> "np.ndarray[Any, np.dtype[np.int64]]":
    height, width, values = page.locator("#mask").evaluate(PIXELS)
    return np.array(values).reshape(height, width, 4)


def test_it_shows_the_labels_of_the_ensemble_and_of_each_member(
    page: Page, picture: Path, project: Path
) -> None:
    page.set_input_files("#file", picture)
    expect(page.locator("#status")).to_contain_text("34 x 21 pixels")
    ensemble = Ensemble.load(project)
    assert page.locator("#layers span").all_inner_texts() == ["ensemble", "a", "b"]
    for position, predictor in enumerate((ensemble, ensemble.only(["a"]), ensemble.only(["b"]))):
        page.locator("#layers input").nth(position).check()
        labels_hw = predictor.predict(picture).labels
        mask_hwc = mask_of(page)
        np.testing.assert_array_equal(mask_hwc[..., 3], np.where(labels_hw == 0, 0, 255))
        shown_hw = labels_hw > 0
        colours = np.array([c.colour for c in CLASSES])
        np.testing.assert_array_equal(mask_hwc[shown_hw][:, :3], colours[labels_hw[shown_hw]])


def test_doubt_is_what_the_ensemble_is_not_sure_of(page: Page, picture: Path, project: Path) -> None:
    page.set_input_files("#file", picture)
    page.get_by_label("doubt").check()
    highest_hw = Ensemble.load(project).predict(picture).probabilities.max(axis=0)
    np.testing.assert_allclose(mask_of(page)[..., 3], 255 * (1 - highest_hw), atol=0.51)
    shares = page.locator("#classes td:nth-of-type(1)").all_inner_texts()
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.3)


def test_an_image_can_be_dropped_and_a_pixel_be_asked(page: Page, picture: Path, project: Path) -> None:
    page.locator("#drop").evaluate(DROP, list(picture.read_bytes()))
    expect(page.locator("#status")).to_contain_text("34 x 21 pixels")
    page.locator("#mask").hover(position={"x": 2, "y": 2})
    label = Ensemble.load(project).predict(picture).labels[0, 0]
    expect(page.locator("#readout")).to_contain_text(f"0, 0 — ensemble: {CLASSES[label].name}")


def test_what_is_no_image_is_said_in_the_servers_words(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.png")
    expect(page.locator("#status")).to_contain_text("is not a PNG, JPEG, WebP, BMP or TIFF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(scheme: str, page: Page, picture: Path) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_input_files("#file", picture)
    expect(page.locator("#status")).to_contain_text("34 x 21 pixels")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()


def test_a_class_is_hidden_and_the_image_zoomed(page: Page, picture: Path, project: Path) -> None:
    page.set_input_files("#file", picture)
    expect(page.locator("#status")).to_contain_text("34 x 21 pixels")
    labels_hw = Ensemble.load(project).predict(picture).labels
    label = int(labels_hw.max())
    page.get_by_role("checkbox", name=CLASSES[label].name).uncheck()
    hidden = np.isin(labels_hw, [0, label])
    np.testing.assert_array_equal(mask_of(page)[..., 3], np.where(hidden, 0, 255))

    for _ in range(4):
        page.locator("#in").click()
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#readout")).to_contain_text("17, 10 — ensemble: ")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] - 1)
    page.mouse.up()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    moved = page.locator("#readout").inner_text()
    assert not moved.startswith(("0, 0 ", "17, 10 ")), moved
    page.locator("#fit").click()
    page.locator("#mask").hover(position={"x": 2, "y": 2})
    expect(page.locator("#readout")).to_contain_text("0, 0 — ensemble: ")
