"""Every page as axe sees it, in both themes: https://github.com/dequelabs/axe-core"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from benchmarks.screenshots import PAGES
from benchmarks.servers import Server

# Streamlit's drop area is a <section role="presentation" tabindex="-1">, whose button is what the keyboard reaches.
OF_STREAMLIT = {("presentation-role-conflict", '[data-testid="stFileUploaderDropzone"]')}

# Streamlit fades what a run has not drawn yet, a page may run again when its parts report back, and its style sheet
# comes like any other part, with a skeleton in its place until then: colours are only what a person reads once nothing
# has run, faded or been missing for a second.
STILL = "*, *::before, *::after { transition: none !important } [data-stale] { opacity: 1 !important }"
AT_REST = """() => {
  const unfinished = '[data-stale="true"], [data-testid="stSpinner"], [data-testid="stSkeleton"]'
  const fading = document.getAnimations().some(a => a instanceof CSSTransition && a.playState === "running")
  const busy = fading || document.querySelector(unfinished)
    || !document.querySelector('[data-test-script-state="notRunning"]')
  if (busy || !window.restingSince) window.restingSince = performance.now()
  return !busy && performance.now() - window.restingSince > 1000
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: Browser, server: Server, name: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(server.url + PAGES[name])
    page.wait_for_function(AT_REST, timeout=90_000)  # a busy machine is slow, which is no failure
    page.add_style_tag(content=STILL)  # for a run that begins while axe looks
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
