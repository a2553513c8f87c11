"""What several test files need: the real server and a real browser, started once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from benchmarks.browser import launch
from benchmarks.servers import Server, serve
from model.common.settings import read_settings
from tests.dashboard.browser_page import PATIENCE, POLICY
from tests.fake_server import Handler, Stand
from tests.server_log import without_traceback
from tests.skips import NO_BROWSER, SKIPPED


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C, even where a shell runs them in the background and has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what -m does not want
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that drive a browser, so that `-m "not browser"` leaves them out.

    What a browser does depends on the machine's load, so one that fails is tried once more, and the summary says why.
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end, why tests were tried again, and a loud line when some were skipped for what this machine lacks."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_sep("_", f"{report.nodeid}, first try", yellow=True)
        terminalreporter.write_line(report.longreprtext)
    for missing, line in SKIPPED.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if missing in str(report.longrepr)]
        if skipped:
            terminalreporter.write_line(f"!!! {line.format(count=len(skipped))} !!!", red=True, bold=True)


@pytest.fixture(scope="session")
def no_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has no data set, whatever lies on this machine."""
    return {"VITRINE_DATA": "", "KERAS_HOME": str(tmp_path_factory.mktemp("keras"))}


@pytest.fixture(autouse=True)
def without_data(no_data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in no_data.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def shared_server(no_data: dict[str, str]) -> Iterator[Server]:
    with serve(no_data) as running:
        yield running


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The dashboard as `make run` starts it, with the shipped networks; no test may have it print a traceback.

    Many test files share it and its home. So a test gives what it makes there a name of its own, and takes it away.
    """
    with without_traceback(shared_server.log):
        yield shared_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped loudly, or fails where VITRINE_REQUIRE_BROWSER is set."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        try:
            launched = launch(playwright)
        except Error as error:
            if read_settings("require_browser").require_browser:
                raise
            pytest.skip(f"{NO_BROWSER}: {error}")
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page, refused = context.new_page(), list[str]()
    page.on("console", lambda message: refused.append(message.text) if POLICY in message.text else None)
    yield page
    context.close()
    assert not refused, "the page's own policy forbids what the page does"


@pytest.fixture
def stand() -> Iterator[Stand]:
    with Stand(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
