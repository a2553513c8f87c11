"""A real browser, for benchmarks, screenshots and the browser tests."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last two keep the browser from calling home, which a closed network would hold up.
DROPZONE = '[data-testid="stFileUploaderDropzone"]'
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def find_chromium() -> str | None:
    """The path of a system Chromium or Chrome, or None: then Playwright's own may be there."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium: the system's, else Playwright's own. Raises playwright's Error when there is none."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


# Resolves to the milliseconds from the next drop on the page until the bars of its answer are drawn.
WATCH = """() => { window.answered = new Promise((resolve, reject) => {
  const drawn = () => [...document.querySelectorAll('.js-plotly-plot .bartext')].map((text) => text.textContent).join();
  const before = drawn();
  document.addEventListener('drop', () => {
    const start = performance.now();
    const look = () => {
      const now = drawn();
      if (now && now !== before) requestAnimationFrame(() => resolve(performance.now() - start));
      else if (performance.now() > start + 30000) reject(new Error('no chart within 30 s'));
      else requestAnimationFrame(look);
    };
    look();
  }, {capture: true, once: true});
}); }"""


def drop(page: Page, path: Path) -> float:
    """Drag a file from outside onto the page's drop area, as a mouse does; milliseconds until its bars are drawn."""
    page.evaluate(WATCH)
    drag(page, path)
    return float(page.evaluate("window.answered"))


def drag(page: Page, path: Path) -> None:
    """Drag a file onto the drop area and let go, through the browser's own input, so that every event is a real one."""
    box = page.locator(DROPZONE).bounding_box()
    if box is None:
        raise RuntimeError("the page has no drop area")
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()
