"""Drop the same photographs on Vitrine's page and on Gradio's: python -m benchmarks.peers.pages [NETWORK]."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks.browser import BARS, DROPZONE, drop, launch
from benchmarks.machine import describe_machine, format_row
from benchmarks.page import clear_page, make_photos
from benchmarks.peers import programs
from benchmarks.peers.programs import GRADIO, PAGE, Program
from benchmarks.servers import Server
from model.registry.resolution import find_bundle

_WARM, _FRESH, _STARTS, _MANY = 20, 5, 3, 50


def _clear_gradio(page: Page) -> None:
    """Take the picture away and wait for the place to drop one."""
    page.get_by_role("button", name="Remove Image").click()
    page.locator(_GRADIO_AREA).wait_for()
    page.wait_for_timeout(400)


_GRADIO_AREA = "#one button[aria-dropeffect]"


@dataclass(frozen=True)
class _Site:
    """A page: where one picture is dropped and where many are, and what is drawn of the answers, in JavaScript."""

    program: Program
    area: str
    drawn: str
    many_area: str
    many_drawn: str
    clear: Callable[[Page], None]


_VITRINE_MANY = (
    f"([...document.querySelectorAll('strong')].find((one) => one.textContent.startsWith('{_MANY} ')) ?? '')"
)
_SITES = (
    _Site(
        GRADIO,
        _GRADIO_AREA,
        "[...document.querySelectorAll('#answer meter')].map((one) => one.getAttribute('value')).join()",
        "#many button[aria-dropeffect]",
        "[...document.querySelectorAll('#table td')].map((one) => one.textContent.trim()).join('').replace(/^$/, '')",
        _clear_gradio,
    ),
    _Site(PAGE, DROPZONE, BARS, DROPZONE, f"({_VITRINE_MANY}.textContent ?? '')", clear_page),
)


def _open(page: Page, site: _Site, url: str) -> None:
    """Open a page and wait until a picture can be dropped."""
    page.goto(url)
    page.locator(site.area).first.wait_for()


def _time_start(site: _Site, browser: Browser, bundle: Path, photo: Path) -> tuple[float, float, float]:
    """Return milliseconds from the start of the process to a usable page and to the first answer, and its memory."""
    with programs.running(site.program, bundle, wait=False) as server:
        page = browser.new_page()
        while True:
            try:
                page.goto(server.url)
                break
            except Error:  # not listening yet
                if server.process.poll() is not None:
                    raise
                time.sleep(0.05)
        page.locator(site.area).first.wait_for()
        usable = time.monotonic() - server.started
        drop(page, photo, area=site.area, drawn=site.drawn)
        answered = time.monotonic() - server.started
        page.close()
        return 1000 * usable, 1000 * answered, programs.memory_of(server)


def _time_drops(site: _Site, browser: Browser, server: Server, pictures: list[Path]) -> dict[str, list[float]]:
    """Return the milliseconds of warm drops, of first drops on fresh pages, and of many pictures at once."""
    page = browser.new_page()
    _open(page, site, server.url)
    page.wait_for_timeout(2000)
    drop(page, pictures.pop(), area=site.area, drawn=site.drawn)
    warm = []
    for _ in range(_WARM):
        site.clear(page)
        warm.append(drop(page, pictures.pop(), area=site.area, drawn=site.drawn))
    page.close()
    first, many = [], []
    for _ in range(_FRESH):
        page = browser.new_page()
        _open(page, site, server.url)
        page.wait_for_timeout(1500)  # a person needs longer than this to find a picture
        first.append(drop(page, pictures.pop(), area=site.area, drawn=site.drawn))
        page.close()
        page = browser.new_page()
        _open(page, site, server.url)
        page.wait_for_timeout(1500)
        several = [pictures.pop() for _ in range(_MANY)]
        many.append(drop(page, *several, area=site.many_area, drawn=site.many_drawn))
        page.close()
    return {"drop to answer, warm page": warm, "first drop of a page": first, f"{_MANY} photographs at once": many}


def main(network: str = "best") -> None:
    """Print the table."""
    programs.check()
    bundle = find_bundle(network)
    found: dict[str, dict[str, list[float]]] = {}
    memory = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        print(f"{describe_machine()}, Chromium {browser.version}\n{programs.versions()}")
        print(f"network {network}, 640x480 JPEGs\n")
        for site in _SITES:
            pictures = make_photos(Path(folder), 1 + _WARM + _FRESH * (1 + _MANY) + _STARTS)
            starts = [_time_start(site, browser, bundle, pictures.pop()) for _ in range(_STARTS)]
            with programs.running(site.program, bundle) as server:
                rows = _time_drops(site, browser, server, pictures)
                memory[site.program.title] = programs.memory_of(server)
            usable, answered, _ = zip(*starts, strict=True)
            rows |= {"start of the server to a usable page": [*usable], "start to the first answer": [*answered]}
            found[site.program.title] = rows
            for title, times in rows.items():
                print(format_row(f"{site.program.title}: {title}", times), flush=True)
        browser.close()
    print()
    gradio, ours = found.values()
    for title, times in ours.items():
        print(f"{title}: {np.median(times) / np.median(gradio[title]):.2f} of Gradio's")
    print("memory after all of it: " + ", ".join(f"{title} {value:.0f} MB" for title, value in memory.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
