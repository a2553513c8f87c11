"""The page in a real browser, and files put onto it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from benchmarks.servers import ROOT, Server

SAMPLES = ROOT / "sample_images"
UPLOAD = 'input[type="file"]'
BARS = ".js-plotly-plot .bartext"


def open_page(page: Page, server: Server, path: str = "/") -> None:
    page.goto(server.url + path)
    page.get_by_role("link", name="Classify").wait_for()


def upload(page: Page, *paths: Path) -> None:
    page.locator(UPLOAD).first.set_input_files([str(path) for path in paths])
