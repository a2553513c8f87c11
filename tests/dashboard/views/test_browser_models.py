"""A network's way through the Models page, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.servers import Server
from tests.dashboard.browser_page import SAMPLES, open_page, upload
from tests.shipped import FAST_INT8, NAMES

CLASSES = "plane, car, bird, Katze, deer, dog, frog, Pferd, ship, truck"


def vitrine(server: Server, *arguments: str) -> str:
    """The command line, in a process of its own, on the server's store."""
    command = [sys.executable, "-m", "model", *arguments]
    environment = os.environ | {"VITRINE_HOME": str(server.home)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_a_network_is_added_used_renamed_removed_and_brought_back(page: Page, server: Server, tmp_path: Path) -> None:
    open_page(page, server, "/models")
    page.get_by_role("button", name="Add a network").click()
    page.get_by_role("dialog").locator('input[type="file"]').first.set_input_files(str(FAST_INT8))
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_label("Classes, in their order").fill(CLASSES)
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Added mine: 10 classes, 32 x 32 pixels")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("heading", name="mine")).to_be_visible()

    page.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("button", name="The default", exact=True)).to_be_disabled()
    page.get_by_role("link", name="Classify").click()
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Pferd")).to_be_visible()

    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Open").nth(len(NAMES)).click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("tiny")
    page.get_by_label("New name").press("Enter")
    page.get_by_test_id("stPopoverBody").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="tiny")).to_be_visible()

    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=".tflite", exact=True).click()
    assert download.value.path().read_bytes() == FAST_INT8.read_bytes()
    assert download.value.suggested_filename == "tiny.tflite"
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Removed tiny.")).to_be_visible()
    expect(page.get_by_text(f"{len(NAMES)} networks", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="tiny")).to_be_visible()
    vitrine(server, "remove", "tiny", "--yes")


def test_a_switch_on_the_command_line_takes_effect_in_the_open_page(page: Page, server: Server) -> None:
    vitrine(server, "add", str(FAST_INT8), "--name", "other", "--classes", CLASSES)
    open_page(page, server)
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Horse")).to_be_visible()
    vitrine(server, "default", "other")
    page.get_by_role("button", name="Remove horse-zaniskari.jpg").click()
    upload(page, SAMPLES / "cat-chelsea.png")
    expect(page.get_by_role("heading", name="Katze")).to_be_visible()
    vitrine(server, "remove", "other", "--yes")
    page.get_by_role("button", name="frog").click()
    expect(page.get_by_text("a frog")).to_be_visible()


def test_a_file_of_another_kind_is_made_and_downloaded(page: Page, server: Server) -> None:
    open_page(page, server, "/models?name=fast")
    page.get_by_role("button", name="Download", exact=True).click()
    page.get_by_role("button", name="Make .h5").click()
    button = page.get_by_role("button", name=".h5", exact=True)
    expect(button).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        button.click()
    assert download.value.path().read_bytes()[:4] == b"\x89HDF"


def test_no_traceback_in_the_log(server: Server) -> None:
    """Runs last in this file: whatever was done above, the log holds no traceback."""
    assert "Traceback" not in server.log.read_text()
