"""Every page as axe sees it, in both themes: https://github.com/dequelabs/axe-core"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from benchmarks.screenshots import PAGES
from benchmarks.servers import Server
from tests.dashboard.browser_page import open_page, wait_until_at_rest

# Streamlit's drop area is a <section role="presentation" tabindex="-1">, whose button is what the keyboard reaches.
OF_STREAMLIT = {("presentation-role-conflict", '[data-testid="stFileUploaderDropzone"]')}

# For a run that begins while axe looks: colours are only what a person reads where nothing fades.
STILL = "*, *::before, *::after { transition: none !important } [data-stale] { opacity: 1 !important }"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: Browser, server: Server, name: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    open_page(page, server, PAGES[name])
    wait_until_at_rest(page)
    page.add_style_tag(content=STILL)
    found = [
        f"{violation['id']}: {node['html'][:200]}\n    {node['failureSummary']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
        if not any(
            violation["id"] == rule and page.locator(node["target"][0]).first.evaluate(f"n => n.matches('{place}')")
            for rule, place in OF_STREAMLIT
        )
    ]
    context.close()
    assert not found, "\n".join(found)


def test_axe_would_find_a_grey_word(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<main><h1>Title</h1><p style='color: #999'>hard to read</p></main>")
    assert "color-contrast" in [violation["id"] for violation in Axe().run(page).response["violations"]]
    page.close()
