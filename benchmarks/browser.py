"""A real server and a real browser, for benchmarks, screenshots and the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from benchmarks.servers import ROOT, free_port

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last two keep the browser from calling home, which a closed network would hold up.
DROPZONE = '[data-testid="stFileUploaderDropzone"]'
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    home: Path  # its VITRINE_HOME
    started: float  # time.monotonic() just before the process was started

    def memory(self) -> float:
        """Resident memory of the server, in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


@contextmanager
def serve(environment: Mapping[str, str] | None = None, wait: bool = True) -> Iterator[Server]:
    """The dashboard on a free port of this machine, as `make run` starts it; ended afterwards.

    wait: until it answers over HTTP. VITRINE_HOME is an empty folder unless the environment names one.
    """
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard/app.py",
        "--server.address",
        "127.0.0.1",
        "--server.port",
        str(port),
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        variables = os.environ | {"VITRINE_HOME": f"{folder}/home"} | dict(environment or {})
        with log.open("wb") as output:
            started = time.monotonic()
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT)
        server = Server(f"http://127.0.0.1:{port}", process, log, Path(variables["VITRINE_HOME"]), started)
        try:
            if wait:
                wait_until_up(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_up(server: Server, seconds: float = 60) -> None:
    """Return once the server answers. Raises RuntimeError with its log when it ends or stays silent."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{server.log.read_text()}")


def find_chromium() -> str | None:
    """The path of a system Chromium or Chrome, or None: then Playwright's own may be there."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium: the system's, else Playwright's own. Raises playwright's Error when there is none."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


# Resolves to the milliseconds from the next drop on the page until the bars of its answer are drawn.
WATCH = """() => { window.answered = new Promise((resolve, reject) => {
  const drawn = () => [...document.querySelectorAll('.js-plotly-plot .bartext')].map((text) => text.textContent).join();
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


def drop(page: Page, path: Path) -> float:
    """Drag a file from outside onto the page's drop area, as a mouse does; milliseconds until its bars are drawn."""
    page.evaluate(WATCH)
    drag(page, path)
    return float(page.evaluate("window.answered"))


def drag(page: Page, path: Path) -> None:
    """Drag a file onto the drop area and let go, through the browser's own input, so that every event is a real one."""
    box = page.locator(DROPZONE).bounding_box()
    if box is None:
        raise RuntimeError("the page has no drop area")
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()
