"""What several test files need: the real server and a real browser, started once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks.browser import Server, launch, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The dashboard as `make run` starts it, with the shipped bundle."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped loudly, or fails where VITRINE_REQUIRE_BROWSER is set."""
    with sync_playwright() as playwright:
        try:
            launched = launch(playwright)
        except Error as error:
            if os.environ.get("VITRINE_REQUIRE_BROWSER"):
                raise
            warnings.warn("NO BROWSER: THE BROWSER TESTS ARE SKIPPED", UserWarning, stacklevel=1)
            pytest.skip(f"no Chromium: {error}")
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
