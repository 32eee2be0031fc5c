"""The report in a real browser: what it asks for, what its controls do, and whether everyone can use it."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.report import write_report
from seg.spec import load_ensemble
from tests.engine.overlapping_project import write_overlapping_project
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
A_ROW = 40
"""Pixels: what is no further up stands in the same row."""

LAYERS = ["image", "truth", "member-0", "member-1", "member-2", "ensemble", "disputed", "errors", "entropy"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> str:
    folder = tmp_path_factory.mktemp("report")
    spec = load_ensemble(write_labelled_project(folder, make_model))
    for member, metrics in zip(spec.members, ("0.2", "0.3", "0.4"), strict=True):
        rows = f"epoch,train_loss,val_loss,val_miou\n1,2,1.5,0.1\n2,1,0.9,{metrics}\n"
        (spec.model(member).parent / "metrics.csv").write_text(rows)
    write_report(spec, folder / "report.html", "tiny & small", ProbabilityCache(folder / "cache"), images=5)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def overlapping_address(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> str:
    folder = tmp_path_factory.mktemp("overlapping")
    spec = load_ensemble(write_overlapping_project(folder, make_model))
    write_report(spec, folder / "report.html", "overlapping", ProbabilityCache(folder / "cache"), images=6)
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address) as page:
        yield page


@pytest.fixture
def overlapping_page(browser: Browser, overlapping_address: str) -> Iterator[Page]:
    with opened(browser, overlapping_address) as page:
        yield page


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The page; fails the test afterwards where it complained or asked for anything but itself."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if is_outside(request.url) else None)
    page.goto(address)
    yield page
    context.close()
    assert complaints == []


def is_outside(url: str) -> bool:
    return not url.startswith("data:") and not url.partition("#")[0].endswith("/report.html")


def shown(page: Page) -> str:
    return page.locator("#name").inner_text()


def over(page: Page) -> str | None:
    """The layer that is pressed; its picture is the one on the stage."""
    button = page.locator("#layers [aria-pressed=true]")
    own = button.locator("img").nth(1).get_attribute("src")
    assert page.locator("#over").get_attribute("src") == own
    return button.get_attribute("data-layer")


def captions(page: Page) -> list[float]:
    texts = page.locator("#strip button span:first-of-type").all_inner_texts()
    return [float(text.split()[1]) for text in texts]


def test_every_section_is_there_and_every_picture_is_one(page: Page) -> None:
    headings = page.locator("main h2").all_inner_texts()
    assert headings == page.locator("nav a").all_inner_texts()
    assert headings[0] == "Summary" and headings[-1] == "Gallery" and "Training" in headings
    assert page.title() == "tiny & small · seg report"
    broken = (
        "[...document.images].filter(i => i.hasAttribute('src') && !(i.complete && i.naturalWidth)).length"
    )
    page.wait_for_function(f"{broken} === 0")
    assert page.locator("#strip button").count() == 5


def test_orders_sort_by_what_they_say(page: Page) -> None:
    assert captions(page) == sorted(captions(page))
    for order in ("uncertain", "disputed"):
        page.locator(f"#order input[value={order}]").check(force=True)
        assert captions(page) == sorted(captions(page), reverse=True)
        assert shown(page) == page.locator("#strip button").first.get_attribute("data-image")
    page.locator("#order input[value=random]").check(force=True)
    assert "order=random" in page.url


def test_a_class_filters_and_sorts_by_its_own_iou(page: Page) -> None:
    page.locator("#class").select_option("paper")
    assert captions(page) == sorted(captions(page))
    assert page.locator("#facts dt").first.inner_text() == "IoU, paper"
    assert page.locator("#count").inner_text() == f"{len(captions(page))} images"
    page.locator("#class").select_option("")
    assert page.locator("#count").inner_text() == "5 images"


def test_images_are_stepped_through_and_around(page: Page) -> None:
    names = page.locator("#strip button").evaluate_all("buttons => buttons.map(b => b.dataset.image)")
    seen = []
    for _ in names:
        seen.append(shown(page))
        page.locator("#next").click()
    assert seen == names and shown(page) == names[0]
    page.locator("#previous").click()
    assert shown(page) == names[-1]
    page.locator("#strip button").nth(2).click()
    assert shown(page) == names[2]
    assert page.locator("#strip [aria-current=true]").get_attribute("data-image") == names[2]


def test_layers_lie_over_the_image(page: Page) -> None:
    assert over(page) == "ensemble"
    for layer in LAYERS:
        page.locator(f"[data-layer={layer}]").click()
        assert over(page) == layer
        assert page.locator("#over").is_visible() == (layer != "image")


def test_the_slider_blends_and_the_button_takes_the_layer_off(page: Page) -> None:
    opacity = "getComputedStyle(document.getElementById('over')).opacity"
    page.locator("#blend").fill("35")
    assert page.evaluate(opacity) == "0.35"
    page.locator("#toggle").click()
    assert page.evaluate(opacity) == "0"
    page.locator("#toggle").click()
    assert page.evaluate(opacity) == "0.35"


def test_zoom_stays_within_the_image(page: Page) -> None:
    stage, sheet = page.locator("#stage"), page.locator("#sheet")
    stage.scroll_into_view_if_needed()
    page.locator("#in").scroll_into_view_if_needed()
    whole = stage.bounding_box()
    for _ in range(3):
        page.locator("#in").click()
    larger = sheet.bounding_box()
    assert whole and larger and larger["width"] == pytest.approx(1.5**3 * whole["width"], rel=0.01)
    page.mouse.move(whole["x"] + 200, whole["y"] + 200)
    page.mouse.down()
    page.mouse.move(whole["x"] + 900, whole["y"] + 600, steps=3)
    page.mouse.up()
    moved = sheet.bounding_box()
    assert moved and moved["x"] == pytest.approx(whole["x"], abs=1)
    page.locator("#out").click()
    smaller = sheet.bounding_box()
    assert smaller and smaller["width"] < larger["width"]
    page.locator("#fit").click()
    assert sheet.bounding_box() == whole
    page.locator("#stage").dblclick()
    assert page.locator("#zoom-value").inner_text() == "2\N{MULTIPLICATION SIGN}"


def test_keys_do_what_the_page_says(page: Page) -> None:
    names = page.locator("#strip button").evaluate_all("buttons => buttons.map(b => b.dataset.image)")
    page.locator("#stage").focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == names[1]
    page.keyboard.press("ArrowLeft")
    assert shown(page) == names[0]
    page.keyboard.press("ArrowDown")
    assert over(page) == "disputed"
    page.keyboard.press("ArrowUp")
    assert over(page) == "ensemble"
    for number, layer in enumerate(LAYERS, start=1):
        page.keyboard.press(str(number))
        assert over(page) == layer
    page.keyboard.press("[")
    assert page.locator("#blend").input_value() == "60"
    page.keyboard.press("]")
    assert page.locator("#blend").input_value() == "70"
    page.keyboard.press("Space")
    assert page.locator("#toggle").get_attribute("aria-pressed") == "false"
    page.keyboard.press("+")
    assert page.locator("#zoom-value").inner_text() == "1.5\N{MULTIPLICATION SIGN}"
    before = page.locator("#sheet").bounding_box()
    page.keyboard.press("Shift+ArrowRight")
    after = page.locator("#sheet").bounding_box()
    assert before and after and after["x"] < before["x"]
    page.keyboard.press("0")
    assert page.locator("#zoom-value").inner_text() == "1\N{MULTIPLICATION SIGN}"


def test_a_link_survives_reload(page: Page) -> None:
    page.locator("#order input[value=disputed]").check(force=True)
    page.locator("#class").select_option("metal")
    page.locator("#next").click()
    page.locator("[data-layer=entropy]").click()
    page.locator("#blend").fill("40")
    page.locator("#in").click()
    page.locator("#theme input[value=dark]").check(force=True)
    seen = "() => [...document.querySelectorAll('#name, #count, #facts, #zoom-value')].map(e => e.innerText)"
    before = page.evaluate(seen), over(page), page.locator("#sheet").get_attribute("style")
    page.reload()
    assert (page.evaluate(seen), over(page), page.locator("#sheet").get_attribute("style")) == before
    assert page.locator("#blend").input_value() == "40"
    assert page.locator("#class").input_value() == "metal"
    assert page.locator("#order input[value=disputed]").is_checked()
    assert page.locator("#theme input[value=dark]").is_checked()


def test_sections_are_linked_and_themes_are_two(page: Page) -> None:
    page.locator("nav a", has_text="Cost").click()
    top = page.evaluate("document.getElementById('cost').getBoundingClientRect().top")
    assert 0 <= top < 120
    assert "at=cost" in page.url
    paper = "getComputedStyle(document.body).backgroundColor"
    colours = []
    for theme in ("light", "dark"):
        page.locator(f"#theme input[value={theme}]").check(force=True)
        colours.append(page.evaluate(paper))
    assert len(set(colours)) == 2


def test_a_damaged_link_shows_the_page_as_it_is(page: Page, address: str) -> None:
    page.goto(f"{address}#image=none&layer=x&order=y&class=z&zoom=much&blend=900&x=-3&theme=blue")
    assert over(page) == "ensemble"
    assert page.locator("#strip button").count() == 5


@pytest.mark.parametrize("width", [320, 390, 800])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_axe_finds_nothing(page: Page, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.locator(f"#theme input[value={theme}]").check(force=True)
    for summary in page.locator("summary").all():
        summary.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_of_overlapping_classes_is_as_sound(overlapping_page: Page, width: int) -> None:
    page = overlapping_page
    page.set_viewport_size({"width": width, "height": 900})
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.locator("[data-layer=contours]").click()
    assert over(page) == "contours"


def test_images_say_which_classes_they_miss_or_invent(overlapping_page: Page) -> None:
    page = overlapping_page
    assert captions(page) == sorted(captions(page))
    page.locator("#strip button[data-image='0']").click()
    facts = page.locator("#facts")
    assert "invented" in facts.inner_text() and "missed" not in facts.inner_text()
    page.locator("#order input[value=best]").check(force=True)
    *shown, last = captions(page)
    assert shown == sorted(shown, reverse=True), "an image that shows nothing is last"
    assert page.locator("#strip button").last.get_attribute("data-image") == "0" and last <= 1
    page.locator("#class").select_option("pits")
    assert page.locator("#facts dt").first.inner_text() == "dice, pits"


def test_the_keyboard_goes_through_the_page_from_top_to_bottom(page: Page) -> None:
    place = """() => {
        const box = document.activeElement.getBoundingClientRect();
        const inGallery = Boolean(document.activeElement.closest('#viewer'));
        return [document.activeElement.id || document.activeElement.tagName, box.top + scrollY, inGallery];
    }"""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    stops: list[tuple[str, float, bool]] = []
    while True:
        page.keyboard.press("Tab")
        name, top, in_viewer = page.evaluate(place)
        if name == "BODY" or (stops and name == stops[0][0] and top == stops[0][1]):
            break
        stops.append((name, top, in_viewer))
        assert len(stops) < 100
    outside = [top for name, top, in_viewer in stops if not in_viewer and name != "A"]
    assert all(later > earlier - A_ROW for earlier, later in itertools.pairwise(outside))
    names = [name for name, *_ in stops]
    assert names.index("stage") < names.index("blend") < names.index("previous")
    assert (
        sum(page.locator("#strip button").evaluate_all("buttons => buttons.map(b => b.tabIndex === 0)")) == 1
    )
