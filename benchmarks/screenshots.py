"""Take screenshots of the real pages for README and for review: python -m benchmarks.screenshots."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser import launch
from benchmarks.servers import ROOT, serve

_FOLDER = ROOT / "docs"
PAGES = {
    "classify": "/?sample=horse-zaniskari.jpg",
    "why": "/?sample=cat-chelsea.png",
    "teach": "/teach",
    "gallery": "/gallery",
    "compare": "/compare?sample=bird-kingfisher.jpg",
    "evaluation": "/evaluation",
    "training": "/training",
    "models": "/models",
    "history": "/history",
    "empty": "/",
}
_CHARTED = {"classify", "why", "training", "empty"}
_SAMPLES = ROOT / "sample_images"
_SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def _make_sample_set(folder: Path) -> None:
    """Write the sample pictures as a data set with a sub-folder for each class, whose pictures may be shown."""
    for path in (*_SAMPLES.glob("*.jpg"), *_SAMPLES.glob("*.png")):
        of_class = folder / path.stem.partition("-")[0]
        of_class.mkdir(exist_ok=True)
        shutil.copy(path, of_class)


def _open_explanation(page: Page) -> None:
    """Open the explanation of an answer."""
    page.get_by_text("Why this answer").click()
    page.get_by_text("Strength of the map").wait_for()
    page.wait_for_timeout(1000)
    page.get_by_text("Strength of the map").scroll_into_view_if_needed()


def evaluate(page: Page) -> None:
    """Choose what to evaluate."""
    ask = page.get_by_role("button", name="Ask ")
    page.get_by_text("calibration error").or_(ask).first.wait_for()
    if ask.is_visible():
        ask.click()
    page.get_by_text("calibration error").first.wait_for()
    page.locator(".matrix a").first.wait_for()


def _predict_test_set(page: Page) -> None:
    """Let the network predict the set, so that the pictures have predictions."""
    button = page.get_by_role("button", name="Ask ")
    page.get_by_text("pictures").first.wait_for()
    if button.is_visible():
        button.click()
        button.wait_for(state="hidden")


# What a person would do first on a page.
_STEPS: dict[str, Callable[[Page], None]] = {
    "why": _open_explanation,
    "gallery": _predict_test_set,
    "evaluation": evaluate,
}


def _take(browser: Browser, url: str, name: str, scheme: str, shape: str) -> None:
    """Take one screenshot."""
    width, height = _SIZES[shape]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url + PAGES[name])
    if name in _CHARTED:
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
    if name in _STEPS:
        _STEPS[name](page)
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(1500)  # fonts and thumbnails
    page.screenshot(path=_FOLDER / f"{name}-{shape}-{scheme}.png")
    context.close()


def main() -> None:
    """Take all screenshots."""
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder) / "photographs"
        photographs.mkdir()
        _make_sample_set(photographs)
        _take_all({"VITRINE_DATA": str(photographs)})


def _take_all(environment: dict[str, str]) -> None:
    """Take all screenshots of a server with this environment."""
    with sync_playwright() as playwright, serve(environment) as server:
        browser = launch(playwright)
        for name in PAGES:
            for scheme in ("light", "dark"):
                for shape in _SIZES:
                    _take(browser, server.url, name, scheme, shape)
                    print(f"docs/{name}-{shape}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
