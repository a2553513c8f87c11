"""A visitor's way through a whole test set, in a real browser against a server that knows one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from benchmarks.servers import Server, serve
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.registry.resolution import DEFAULT
from tests.dashboard.browser_page import PATIENCE, open_page, open_phone
from tests.drawn import draw_cifar10
from tests.server_log import without_traceback

N = 130
TILES = ".sheet a"


@pytest.fixture(scope="module")
def server_with_data(tmp_path_factory: pytest.TempPathFactory, no_data: dict[str, str]) -> Iterator[Server]:
    """The dashboard with a data set of N drawn test pictures."""
    data = draw_cifar10(tmp_path_factory.mktemp("data"), 2, tests=N)
    with serve(no_data | {"VITRINE_DATA": str(data)}) as running:
        yield running


@pytest.fixture
def server(server_with_data: Server) -> Iterator[Server]:
    with without_traceback(server_with_data.log):
        yield server_with_data


def ask(page: Page) -> None:
    """Have the network asked about every picture, unless it has been."""
    button = page.get_by_role("button", name=f"Ask {DEFAULT} (keras) about all 130 pictures")
    done = page.locator(f"{TILES} b").first
    expect(button.or_(done)).to_be_visible()
    if button.is_visible():
        button.click()
    expect(done).to_be_visible(timeout=300_000)


def kept_confusion(server: Server) -> np.ndarray:
    """What the server has kept of the network's answers, int (10, 10), [true][answer]."""
    kept = [np.load(path) for path in (server.home / "surveys").glob("keras-*.npy")]
    (answers,) = [one for one in kept if one.ndim == 2]  # beside how known each picture is
    found = np.zeros((10, 10), int)
    np.add.at(found, (np.arange(N) % 10, answers.argmax(axis=1)), 1)
    return found


def test_a_filtered_view_is_opened_left_and_sent_to_somebody(page: Page, browser: Browser, server: Server) -> None:
    open_page(page, server, "/gallery")
    expect(page.locator(TILES)).to_have_count(60)
    ask(page)
    page.get_by_role("radio", name="Wrong").click()
    wrong = N - int(np.trace(kept_confusion(server)))
    expect(page.get_by_text(f"{wrong} pictures of {N}")).to_be_visible()
    names = page.locator(TILES).evaluate_all("links => links.map(link => link.title)")

    page.locator(TILES).nth(1).click()
    number, truth = names[1].removeprefix("Picture ").split(": ")
    expect(page.get_by_text(f"it is a{'n' if truth[0] == 'a' else ''} {truth}")).to_be_visible()
    assert f"picture={number}" in page.url

    page.go_back()
    expect(page.get_by_text(f"{wrong} pictures of {N}")).to_be_visible()
    expect(page.locator(TILES).nth(1)).to_have_attribute("title", names[1])
    other = browser.new_page()
    other.goto(page.url, timeout=PATIENCE)
    expect(other.get_by_text(f"{wrong} pictures of {N}")).to_be_visible()
    other.close()


def test_a_picture_opens_by_the_keyboard(page: Page, server: Server) -> None:
    open_page(page, server, "/gallery?true=frog")
    expect(page.locator(TILES)).to_have_count(13)
    page.locator(TILES).first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("it is a frog")).to_be_visible()
    assert "picture=16" in page.url


def test_a_click_on_a_cell_opens_its_pictures(page: Page, server: Server) -> None:
    open_page(page, server, "/evaluation")
    ask(page)
    expect(page.get_by_test_id("stMetric")).to_have_count(4)
    confusion = kept_confusion(server)
    np.fill_diagonal(confusion, 0)
    true, answer = np.unravel_index(confusion.argmax(), confusion.shape)
    page.locator(f"#cell-{true}-{answer}").click()
    count = int(confusion[true, answer])
    expect(page.get_by_text(f"{count} picture{'s' * (count > 1)}, the surest first")).to_be_visible()
    assert f"true={CIFAR10_CLASSES[true]}" in page.url and f"answer={CIFAR10_CLASSES[answer]}" in page.url


def test_a_cell_is_chosen_by_the_keyboard_which_stays_there(page: Page, server: Server) -> None:
    open_page(page, server, "/evaluation")
    ask(page)
    cells = page.locator(".matrix a")
    cells.nth(0).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".matrix a[aria-current]")).to_have_count(1)
    expect(cells.nth(1)).to_have_attribute("aria-current", "true")
    expect(cells.nth(1)).to_be_focused()
    expect(page.get_by_text("the surest first")).to_be_visible()


def test_a_table_twin_opens(page: Page, server: Server) -> None:
    open_page(page, server, "/evaluation")
    ask(page)
    expect(page.get_by_role("img", name="Bars: the share that is right")).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_two_engines_are_set_side_by_side(page: Page, server: Server) -> None:
    open_page(page, server, f"/evaluation?with={DEFAULT}:int8")
    ask_button = page.get_by_role("button", name=f"Ask {DEFAULT} (int8) about all 130 pictures")
    keras_button = page.get_by_role("button", name=f"Ask {DEFAULT} (keras) about all 130 pictures")
    verdict = page.get_by_text(f"{DEFAULT} (int8)").and_(page.get_by_text("pictures"))
    expect(ask_button.or_(keras_button).or_(verdict).first).to_be_visible()
    if keras_button.is_visible():
        keras_button.click()
    expect(ask_button).to_be_visible(timeout=300_000)
    ask_button.click()
    page.get_by_role("button", name="Measure their speed").click(timeout=300_000)
    expect(page.get_by_role("button", name="Measure their speed")).to_have_count(0, timeout=300_000)
    expect(page.get_by_text("Only the first is right")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/gallery?verdict=wrong", "/evaluation?true=cat"])
def test_everybody_can_read_and_reach_it(browser: Browser, server: Server, path: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    open_page(page, server, path)
    ask(page)
    found = Axe().run(page, context=".stMainBlockContainer", options={"runOnly": ["wcag2a", "wcag2aa"]})
    page.close()
    assert found.violations_count == 0, found.generate_report()


def test_a_phone_is_wide_enough(browser: Browser, server: Server) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    for path in ("/gallery?verdict=wrong", "/evaluation"):
        open_phone(phone, server, path)
        ask(phone)
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    phone.close()
