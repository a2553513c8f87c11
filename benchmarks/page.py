"""Time how long a visitor waits, in a real Chromium: python -m benchmarks.page."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser import DROPZONE, drop, launch
from benchmarks.latency import PHOTO
from benchmarks.machine import describe_machine, format_row
from benchmarks.screenshots import PAGES
from benchmarks.servers import Server, serve


def make_photos(folder: Path, n: int) -> list[Path]:
    """Write n different 640x480 JPEGs of one photograph, so that no answer comes from a cache."""
    picture = Image.open(PHOTO).convert("RGB")
    paths = []
    for index in range(n):
        # Another crop each time gives other probabilities, which is how a new chart is recognised.
        edge = index % 60
        path = folder / f"photo-{index}.jpg"
        picture.crop((edge * 4, edge, picture.width - edge, picture.height)).resize((640, 480)).save(
            path, quality=80 + index % 15
        )
        paths.append(path)
    return paths


def clear_page(page: Page) -> None:
    """Remove the dropped file and wait for the empty page."""
    page.get_by_role("button", name="Remove photo-").click()
    page.get_by_text("What will it be?").wait_for()
    page.wait_for_timeout(400)


def open_page(page: Page, url: str) -> None:
    """Open a page and wait until it can be used."""
    page.goto(url)
    page.locator(DROPZONE).wait_for()


def _time_cold_start(server: Server, page: Page, photo: Path) -> tuple[float, float]:
    """Return the seconds from the start of the process to an interactive page, and to the first possible answer."""
    while True:
        try:
            page.goto(server.url)
            break
        except Exception:  # not listening yet
            if server.process.poll() is not None:
                raise
            time.sleep(0.05)
    page.locator(DROPZONE).wait_for()
    interactive = time.monotonic() - server.started
    drop(page, photo)
    answered = time.monotonic() - server.started
    page.close()
    return interactive, answered


def time_drops(page: Page, url: str, pictures: list[Path], n: int) -> list[float]:
    """Return the milliseconds of n drops on one page, each into the empty drop area."""
    open_page(page, url)
    page.wait_for_timeout(2000)
    drop(page, pictures.pop())
    times = []
    for _ in range(n):
        clear_page(page)
        times.append(drop(page, pictures.pop()))
    page.close()
    return times


def _time_first_drop(page: Page, url: str, picture: Path) -> tuple[float, float]:
    """Return the milliseconds until a page is interactive, and of the first drop on it."""
    start = time.monotonic()
    open_page(page, url)
    opened = (time.monotonic() - start) * 1000
    page.wait_for_timeout(1500)  # a person needs longer than this to find a picture
    answered = drop(page, picture)
    page.close()
    return opened, answered


_STATES = {"empty", "why"}  # of Classify, no pages of their own

# Resolves to performance.now() once the page at an address stands there and can be used.
_SETTLED_SCRIPT = """(path) => new Promise((resolve, reject) => {
  const state = () => document.querySelector('[data-test-script-state]')?.getAttribute('data-test-script-state');
  const limit = performance.now() + 30000;
  const look = () => {
    // The address changes in the run of the new page, so a page that is there and not running has been drawn.
    const there = location.pathname === path && state() === 'notRunning';
    const busy = document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]');
    if (there && !busy) requestAnimationFrame(() => resolve(performance.now()));
    else if (performance.now() > limit) reject(new Error(`not settled: ${location} ${state()} ${busy?.outerHTML}`));
    else requestAnimationFrame(look);
  };
  look();
})"""


def _time_load(page: Page, url: str) -> float:
    """Return the milliseconds from opening an address to a usable page, in a browser that knows the site."""
    page.goto(url, wait_until="commit")
    return float(page.evaluate(_SETTLED_SCRIPT, urlsplit(url).path))


def time_switch(page: Page, name: str) -> float:
    """Return the milliseconds from a click in the navigation to the other usable page."""
    link = page.get_by_role("link", name=name.capitalize(), exact=True)
    link.hover()
    path = urlsplit(str(link.get_attribute("href"))).path
    page.evaluate(f"void (window.settled = ({_SETTLED_SCRIPT})({path!r}))")
    start = float(page.evaluate("performance.now()"))
    link.click()
    return float(page.evaluate("window.settled")) - start


def pages(browser: Browser, url: str, n: int = 5) -> list[str]:
    """Return how long each page takes: from its address, and from a click on another page."""
    rows = []
    page = browser.new_page()
    addresses = {name: path.partition("?")[0] for name, path in PAGES.items() if name not in _STATES}
    for name, path in addresses.items():
        other = "models" if name != "models" else "classify"
        loads, clicks = [], []
        for _ in range(n + 1):  # the first one fills the browser's cache
            loads.append(_time_load(page, url + path))
            time_switch(page, other)
            page.wait_for_timeout(1500)
            clicks.append(time_switch(page, name))
        rows += [format_row(f"{name}: from its address", loads[1:]), format_row(f"{name}: from a click", clicks[1:])]
    page.close()
    return rows


def main(n: int = 20, starts: int = 3) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pictures = make_photos(Path(folder), n + starts + 20)
        browser = launch(playwright)
        colds = []
        for _ in range(starts):
            with serve(wait=False) as server:
                colds.append(_time_cold_start(server, browser.new_page(), pictures.pop()))
        with serve() as server:
            warm = time_drops(browser.new_page(), server.url, pictures, n)
            fresh = [_time_first_drop(browser.new_page(), server.url, pictures.pop()) for _ in range(10)]
            memory = server.memory()
            opened = pages(browser, server.url)
        print(f"{describe_machine()}, Chromium {browser.version}")
        browser.close()
    print(format_row("drop to chart drawn, warm page", warm))
    print(format_row("first drop of a fresh page", [answered for _, answered in fresh]))
    print(format_row("page opened to interactive, warm server", [opened for opened, _ in fresh]))
    print(format_row("start of the server to interactive page", [1000 * interactive for interactive, _ in colds]))
    print(format_row("start of the server to the first answer", [1000 * answered for _, answered in colds]))
    print("\n".join(opened))
    print(f"{'memory of the server':<44} n     1   {memory:.0f} MB")


if __name__ == "__main__":
    main()
