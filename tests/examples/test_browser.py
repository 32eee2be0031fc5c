"""The page in a real browser, which runs the model as WebAssembly."""

import base64
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import read_image
from seg.engine import Ensemble
from seg.spec import load_ensemble
from tests.export.ensembles import write_ensemble
from tests.export.tiny import CLASSES

pytestmark = pytest.mark.browser

PAGE = Path(__file__).resolve().parents[2] / "examples/browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with a fused ensemble and the images beside it."""
    if not (PAGE / "node_modules").is_dir():
        pytest.skip(f"no onnxruntime-web: run npm install in {PAGE}")
    folder = tmp_path_factory.mktemp("site")
    for file in PAGE.glob("*.*"):
        if file.suffix in {".html", ".css", ".js"}:
            shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(PAGE / "node_modules")
    command = ["export", str(write_ensemble(folder)), "--fuse", "-o", str(folder / "ensemble.onnx")]
    CliRunner().invoke(app, command, catch_exceptions=False)
    return folder


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context().new_page()
        page.goto(address)
        page.wait_for_function("document.getElementById('status').textContent === 'Ready'")
        yield page
        browser.close()


def test_a_chosen_image_gets_its_mask_and_legend(page: Page, site: Path) -> None:
    picture = site / "images/1.png"
    page.set_input_files("#file", picture)
    page.wait_for_function("document.getElementById('status').textContent.includes('pixels labelled')")
    labels_hw = Ensemble.load(load_ensemble(site / "team.yaml")).predict(read_image(picture)).labels
    pixels = page.evaluate(
        """() => {
          const canvas = document.getElementById("mask");
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return btoa(String.fromCharCode(...data));
        }"""
    )
    mask_hwc = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(*labels_hw.shape, 4)
    colours = np.array([c.colour for c in CLASSES], dtype=np.uint8)
    np.testing.assert_array_equal(mask_hwc[..., :3], colours[labels_hw])
    shares = np.bincount(labels_hw.ravel(), minlength=len(CLASSES)) / labels_hw.size
    said = dict(zip(*[iter(page.inner_text("#legend").split())] * 2, strict=True))
    assert said == {c.name: f"{100 * s:.1f}%" for c, s in zip(CLASSES, shares, strict=True) if s}


def test_everyone_can_use_it(page: Page) -> None:
    assert Axe().run(page).response["violations"] == []


def test_what_is_no_ensemble_is_said(page: Page, address: str) -> None:
    other = page.context.new_page()
    for file, said in (("a.onnx", "is no ensemble: make it with seg export --fuse"), ("none.onnx", "404")):
        other.goto(f"{address}/?model={file}")
        other.wait_for_function("document.getElementById('status').textContent.startsWith('That went wrong')")
        assert said in other.inner_text("#status")
