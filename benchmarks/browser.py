"""A real browser for benchmarks, screenshots and browser tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last two keep the browser from calling home, which a closed network would hold up.
DROPZONE = '[data-testid="stFileUploaderDropzone"]'
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def find_chromium() -> str | None:
    """Return the path of a system Chromium or Chrome, or None; Playwright may have its own."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """Launch a headless Chromium: the system's, else Playwright's own. Raises Playwright's Error if there is none."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


# What of an answer is drawn, as a text; nothing while there is none.
BARS = "[...document.querySelectorAll('.js-plotly-plot .bartext')].map((text) => text.textContent).join()"

# Resolves to the milliseconds from the next drop on the page until what is drawn is another.
_WATCH_SCRIPT = """() => { window.answered = new Promise((resolve, reject) => {
  const drawn = () => DRAWN;
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


def drop(page: Page, *paths: Path, area: str = DROPZONE, drawn: str = BARS) -> float:
    """Drag files onto a drop area, as a mouse does.

    Args:
        page: The page.
        paths: The files.
        area: The drop area's CSS selector.
        drawn: A JavaScript expression: what of the answer is drawn, as a text.

    Returns:
        The milliseconds from the drop until the answer is drawn.
    """
    page.evaluate(_WATCH_SCRIPT.replace("DRAWN", drawn))
    _drag(page, paths, area)
    return float(page.evaluate("window.answered"))


def _drag(page: Page, paths: Sequence[Path], area: str) -> None:
    """Drag files onto the drop area and release them, through the browser's own input, so that all events are real."""
    box = page.locator(area).first.bounding_box()
    if box is None:
        raise RuntimeError("the page has no drop area")
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()
