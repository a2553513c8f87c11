"""Pictures of the real pages for README and for looking at: python -m benchmarks.screenshots"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser import launch
from benchmarks.servers import ROOT, serve

FOLDER = ROOT / "docs"
PAGES = {
    "classify": "/?sample=horse-zaniskari.jpg",
    "why": "/?sample=cat-chelsea.png",
    "gallery": "/gallery",
    "compare": "/compare?sample=bird-kingfisher.jpg",
    "evaluation": "/evaluation",
    "training": "/training",
    "models": "/models",
    "history": "/history",
    "empty": "/",
}
CHARTED = {"classify", "why", "training", "empty"}
SAMPLES = ROOT / "sample_images"
SHAPES = {"desktop": (1280, 900), "phone": (390, 844)}


def sample_set(folder: Path) -> None:
    """The sample pictures as a data set, a sub-folder a class: a set whose pictures may be shown."""
    for path in (*SAMPLES.glob("*.jpg"), *SAMPLES.glob("*.png")):
        of_class = folder / path.stem.partition("-")[0]
        of_class.mkdir(exist_ok=True)
        shutil.copy(path, of_class)


def explain(page: Page) -> None:
    page.get_by_text("Why this answer").click()
    page.get_by_text("Strength of the map").wait_for()
    page.wait_for_timeout(1000)
    page.get_by_text("Strength of the map").scroll_into_view_if_needed()


def evaluate(page: Page) -> None:
    ask = page.get_by_role("button", name="Ask ")
    page.get_by_text("calibration error").or_(ask).first.wait_for()
    if ask.is_visible():
        ask.click()
    page.get_by_text("calibration error").first.wait_for()
    page.locator(".matrix a").first.wait_for()


def ask(page: Page) -> None:
    """Let the network answer the set, so that the pictures have answers."""
    button = page.get_by_role("button", name="Ask ")
    page.get_by_text("pictures").first.wait_for()
    if button.is_visible():
        button.click()
        button.wait_for(state="hidden")


# What a person would do first on a page.
STEPS: dict[str, Callable[[Page], None]] = {"why": explain, "gallery": ask, "evaluation": evaluate}


def take(browser: Browser, url: str, name: str, scheme: str, shape: str) -> None:
    width, height = SHAPES[shape]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url + PAGES[name])
    if name in CHARTED:
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
    if name in STEPS:
        STEPS[name](page)
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(1500)  # fonts and thumbnails
    page.screenshot(path=FOLDER / f"{name}-{shape}-{scheme}.png")
    context.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder) / "photographs"
        photographs.mkdir()
        sample_set(photographs)
        take_all({"VITRINE_DATA": str(photographs)})


def take_all(environment: dict[str, str]) -> None:
    with sync_playwright() as playwright, serve(environment) as server:
        browser = launch(playwright)
        for name in PAGES:
            for scheme in ("light", "dark"):
                for shape in SHAPES:
                    take(browser, server.url, name, scheme, shape)
                    print(f"docs/{name}-{shape}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
