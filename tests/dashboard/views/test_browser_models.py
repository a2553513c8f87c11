"""A network's way through the Models page, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.servers import Server
from model.registry import store
from tests.dashboard.browser_page import SAMPLES, open_page, upload
from tests.shipped import FAST_INT8, NAMES

CLASSES = "plane, car, bird, Katze, deer, dog, frog, Pferd, ship, truck"


def vitrine(server: Server, *arguments: str) -> str:
    """The command line, in a process of its own, on the server's store."""
    command = [sys.executable, "-m", "model", *arguments]
    environment = os.environ | {"VITRINE_HOME": str(server.home)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def only_what_ships(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The store is empty after a test, and the default is what it was, however the test ended."""
    yield
    monkeypatch.setenv("VITRINE_HOME", str(server.home))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    for name in {model.name for model in store.list_models()}:
        store.remove_models(name, for_good=True)


def test_a_network_is_added_used_renamed_removed_and_brought_back(page: Page, server: Server, tmp_path: Path) -> None:
    open_page(page, server, "/models")
    page.get_by_role("button", name="Add a network").click()
    page.get_by_role("dialog").locator('input[type="file"]').first.set_input_files(str(FAST_INT8))
    page.get_by_label("Name", exact=True).fill("brought")
    page.get_by_label("Classes, in their order").fill(CLASSES)
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Added brought: 10 classes, 32 x 32 pixels")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("heading", name="brought")).to_be_visible()

    page.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("button", name="The default", exact=True)).to_be_disabled()
    page.get_by_role("link", name="Classify").click()
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Pferd")).to_be_visible()

    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Open").nth(len(NAMES)).click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("renamed")
    page.get_by_label("New name").press("Enter")
    page.get_by_test_id("stPopoverBody").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="renamed")).to_be_visible()

    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=".tflite", exact=True).click()
    assert download.value.path().read_bytes() == FAST_INT8.read_bytes()
    assert download.value.suggested_filename == "renamed.tflite"
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Removed renamed.")).to_be_visible()
    expect(page.get_by_text(f"{len(NAMES)} networks", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="renamed")).to_be_visible()


def test_a_switch_on_the_command_line_takes_effect_in_the_open_page(page: Page, server: Server) -> None:
    vitrine(server, "add", str(FAST_INT8), "--name", "switched", "--classes", CLASSES)
    open_page(page, server)
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Horse")).to_be_visible()
    vitrine(server, "default", "switched")
    page.get_by_role("button", name="Remove horse-zaniskari.jpg").click()
    upload(page, SAMPLES / "cat-chelsea.png")
    expect(page.get_by_role("heading", name="Katze")).to_be_visible()
    vitrine(server, "remove", "switched", "--yes")
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
