"""The page in a real browser, and files put onto it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from benchmarks.servers import ROOT, Server

SAMPLES = ROOT / "sample_images"
UPLOAD = '[class*="st-key-upload-"] input[type="file"]'  # not a dialog's, which may still be on its way out
BARS = ".js-plotly-plot .bartext"
POLICY = "Content Security Policy"  # what the browser's console says of whatever it refuses
PATIENCE = 240_000  # ms that a page may take: a busy machine is slow, which is no failure

# Streamlit fades what a run has not drawn yet, a page may run again when its parts report back, and its style sheet
# comes like any other part, with a skeleton in its place until then: a page is what a person sees only once nothing
# has run, faded or been missing for a second.
AT_REST = """() => {
  const unfinished = '[data-stale="true"], [data-testid="stSpinner"], [data-testid="stSkeleton"]'
  const fading = document.getAnimations().some(a => a instanceof CSSTransition && a.playState === "running")
  const busy = fading || document.querySelector(unfinished)
    || !document.querySelector('[data-test-script-state="notRunning"]')
  if (busy || !window.restingSince) window.restingSince = performance.now()
  return !busy && performance.now() - window.restingSince > 1000
}"""


def open_page(page: Page, server: Server, path: str = "/") -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(server.url + path)
    page.get_by_role("link", name="Classify").wait_for()


def wait_until_at_rest(page: Page) -> None:
    """Until all of the page is drawn."""
    page.wait_for_function(AT_REST, timeout=PATIENCE)


def open_phone(phone: Page, server: Server, path: str) -> None:
    """A page on a phone, whose links are folded away, once all of it is drawn."""
    phone.set_default_timeout(PATIENCE)
    phone.goto(server.url + path)
    phone.locator(".stMainBlockContainer").wait_for()
    wait_until_at_rest(phone)


def upload(page: Page, *paths: Path) -> None:
    page.locator(UPLOAD).first.set_input_files([str(path) for path in paths])
