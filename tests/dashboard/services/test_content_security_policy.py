"""What the page may load, and who may show it in a frame."""

from __future__ import annotations

import contextlib
import time
import urllib.request

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooSlow

from benchmarks.browser import FLAGS, find_chromium
from benchmarks.servers import PAGES, Server, started
from dashboard.services import content_security_policy, visitor_language
from model.common.settings import read_settings
from tests.dashboard.browser_page import PATIENCE, POLICY, open_page

# There is no video once a shot is taken.
FILMING = """() => {
  const video = document.querySelector("video")
  return !video || (video.videoWidth > 0 && !video.paused && video.currentTime > 0)
}"""


@pytest.mark.parametrize(
    ("given", "frames"),
    [
        ("", "'self'"),
        ("*", "*"),
        (
            "https://moodle.example.org, http://localhost:8080/",
            "'self' https://moodle.example.org http://localhost:8080",
        ),
        ("https://*.example.org", "'self' https://*.example.org"),
    ],
)
def test_other_pages_may_show_it_where_the_setting_names_them(
    given: str, frames: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_EMBED", given)
    assert content_security_policy.frame_ancestors(read_settings("embed").embed) == frames


def test_a_server_with_a_wrong_origin_says_so_and_does_not_start() -> None:
    with (
        pytest.raises(RuntimeError, match="VITRINE_EMBED has 'moodle'") as caught,
        started(PAGES, {"VITRINE_EMBED": "moodle"}, "/_stcore/health"),
    ):
        pass
    assert "Traceback" not in str(caught.value)


def test_the_page_and_all_that_belongs_to_it_have_the_policy(server: Server) -> None:
    for path in ("/", "/gallery", "/_stcore/health", "/favicon.png"):
        with urllib.request.urlopen(f"{server.url}{path}", timeout=60) as answer:
            said = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'self'" in said and "object-src 'none'" in said
            (scripts,) = [part for part in said.split("; ") if part.startswith("script-src")]
            assert "'unsafe-inline'" not in scripts and "'unsafe-eval'" not in scripts and "*" not in scripts
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"


def test_code_that_got_into_the_page_does_not_run(page: Page, server: Server) -> None:
    other = page.context.new_page()  # the fixture's own page must see nothing refused
    open_page(other, server)
    with other.expect_console_message(lambda message: POLICY in message.text):
        other.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"smuggled = true\">')")
    assert other.evaluate("typeof smuggled") == "undefined"
    other.close()


def test_the_language_is_named_in_both(page: Page, server: Server) -> None:
    for name in visitor_language.LANGUAGES:
        page.goto(f"{server.url}/?lang={name}")
        page.wait_for_function("name => document.documentElement.lang === name", arg=name)


def test_the_camera_takes_a_picture_under_the_policy(browser: Browser, server: Server) -> None:
    flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with browser.browser_type.launch(executable_path=find_chromium(), args=flags) as own:
        page, refused = own.new_page(), list[str]()
        page.on("console", lambda message: refused.append(message.text) if POLICY in message.text else None)
        open_page(page, server)
        page.get_by_text("Camera", exact=True).click()
        take_photo(page)
        assert not refused


def take_photo(page: Page) -> None:
    """Press the button until there is an answer.

    A second after the page knows its width, Streamlit starts the camera anew at that width, and until its first picture
    the button takes none.
    """
    button, answer = page.get_by_role("button", name="Take Photo"), page.get_by_text("What the network sees")
    deadline = time.monotonic() + PATIENCE / 1000
    while not answer.is_visible():
        assert time.monotonic() < deadline, page.locator("body").aria_snapshot()
        page.wait_for_function(FILMING)
        if button.is_visible():
            button.click()
        with contextlib.suppress(TooSlow):  # looked at again above
            answer.wait_for(timeout=5000)
