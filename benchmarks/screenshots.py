"""Pictures of the real pages for README and for looking at: python -m benchmarks.screenshots"""

from __future__ import annotations

from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import launch
from benchmarks.servers import ROOT, serve

FOLDER = ROOT / "docs"
PAGES = {
    "classify": "/?sample=horse-zaniskari.jpg",
    "gallery": "/gallery?picture=frog-brown.png",
    "compare": "/compare?sample=bird-kingfisher.jpg",
    "evaluation": "/evaluation",
    "training": "/training",
    "models": "/models",
    "history": "/history",
    "empty": "/",
}
CHARTED = {"classify", "gallery", "compare", "training", "empty"}
SHAPES = {"desktop": (1280, 900), "phone": (390, 844)}


def take(browser: Browser, url: str, name: str, scheme: str, shape: str) -> None:
    width, height = SHAPES[shape]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url + PAGES[name])
    if name in CHARTED:
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(1500)  # fonts and thumbnails
    page.screenshot(path=FOLDER / f"{name}-{shape}-{scheme}.png")
    context.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright, serve() as server:
        browser = launch(playwright)
        for name in PAGES:
            for scheme in ("light", "dark"):
                for shape in SHAPES:
                    take(browser, server.url, name, scheme, shape)
                    print(f"docs/{name}-{shape}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
