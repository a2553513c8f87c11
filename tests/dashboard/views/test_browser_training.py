"""The Training page in a real browser: runs of other processes are followed, and one is started, stopped and used."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from benchmarks.servers import Server, serve
from tests.dashboard.browser_page import upload
from tests.drawn import draw_folder
from training.recipes.recipe_file import load_recipe, to_toml
from training.runs.run import read_run
from training.runs.run_files import read_json, write_json

CURVES = ".js-plotly-plot .scatterlayer .trace"
# A network so small that an epoch takes a moment, and epochs enough that it does not end by itself.
VALUES = """model.architecture=residual
model.input_size=16
model.widths=[4, 8]
model.depth=1
precision=float32
optimizer.name=adam
data.validation=0.2
batch_size=2
patience=100000"""
SECONDS = 1000 * 300  # for a step of a training, on a busy machine


def open_page(page: Page, server: Server, path: str = "/training") -> None:
    page.set_default_timeout(SECONDS)
    page.goto(server.url + path)
    page.get_by_role("link", name="Classify").wait_for()


@pytest.fixture
def runs(server: Server) -> Iterator[Path]:
    """The server's folder of runs. After the test what was started has ended, and is gone with the network it made."""
    folder = server.home / "runs"
    yield folder
    for run in folder.glob("*"):
        end(run)
    for left in (folder, server.home / "bundles"):
        shutil.rmtree(left, ignore_errors=True)


def end(run: Path) -> None:
    said = read_json(run / "process.json")
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(said["pid"]) if "pid" in said else None
        if process and abs(process.create_time() - said["started"]) < 2:
            process.kill()
            process.wait(60)


def test_training_shows_the_curves_of_the_shipped_run(page: Page, server: Server) -> None:
    open_page(page, server)
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=SECONDS)
    expect(page.locator(CURVES)).to_have_count(
        5, timeout=SECONDS
    )  # accuracy and loss of training and validation, and the rate


def test_a_run_in_another_process_is_followed_while_the_page_is_open(page: Page, server: Server, runs: Path) -> None:
    open_page(page, server)
    expect(page.locator(CURVES)).to_have_count(5, timeout=SECONDS)
    folder = runs / "followed"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(to_toml(load_recipe("fast")))
    progress = {"epochs": 11, "step": 3, "steps": 47, "eta_seconds": 1200}
    write_json(folder / "progress.json", progress | {"updated": time.time() + SECONDS, "epoch": 1})
    expect(page.get_by_text("followed: epoch 1 of 11, about 20 min left")).to_be_visible(timeout=SECONDS)
    write_json(folder / "progress.json", progress | {"updated": time.time() + SECONDS, "epoch": 2})
    expect(page.get_by_text("followed: epoch 2 of 11")).to_be_visible(timeout=SECONDS)
    write_json(folder / "metrics.json", {"status": "finished"})
    expect(page.get_by_text("followed: epoch")).to_have_count(0, timeout=SECONDS)


def start(page: Page, data: Path, name: str) -> None:
    page.get_by_role("button", name="Start a run").click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name="Data folder on this machine").fill(str(data))
    epochs = form.get_by_role("spinbutton", name="Epochs")
    epochs.fill("5000")
    epochs.press("Enter")
    form.locator("summary").click()
    form.get_by_role("textbox", name="Name of the run and of its network").fill(name)
    form.get_by_role("textbox", name="Other values, one a line").fill(VALUES)
    form.get_by_role("textbox", name="Other values, one a line").press("Control+Enter")
    form.get_by_role("button", name="Start", exact=True).click()


def wait_for_an_epoch(folder: Path) -> None:
    """Until the run has finished one more."""
    epochs = len(read_run(folder).history)
    deadline = time.monotonic() + SECONDS / 1000
    while len(read_run(folder).history) <= epochs and time.monotonic() < deadline:
        time.sleep(0.5)
    assert len(read_run(folder).history) > epochs


@pytest.mark.train
@pytest.mark.timeout(900)
def test_start_follow_stop_go_on_and_use(page: Page, server: Server, runs: Path, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 30)
    folder = runs / "begun"
    open_page(page, server)
    start(page, data, "begun")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("begun: reads the data and builds the network")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text(re.compile(r"begun: epoch \d+ of 5000, about .* left"))).to_be_visible(timeout=SECONDS)
    expect(page.locator(CURVES)).to_have_count(5, timeout=SECONDS)  # the new run is the one shown

    # The run is a process of its own: it lives on without the page.
    first = read_json(folder / "process.json")["pid"]
    assert os.getsid(first) == first
    page.close()
    wait_for_an_epoch(folder)

    page = page.context.new_page()
    open_page(page, server)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("begun · stopped")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text(re.compile(r"It was stopped after \d+ of 5000 epochs"))).to_be_visible(timeout=SECONDS)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(first) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not psutil.pid_exists(first)  # nor does it stay as a zombie

    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(re.compile(r"begun: epoch \d+ of 5000"))).to_be_visible(timeout=SECONDS)
    wait_for_an_epoch(folder)
    assert read_json(folder / "process.json")["pid"] != first
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("begun · stopped")).to_be_visible(timeout=SECONDS)
    history = read_run(folder).history
    assert history.epoch == tuple(range(1, len(history) + 1))  # nothing twice, nothing left out

    page.get_by_role("link", name="Use its network").click()
    expect(page.get_by_text("What will it be?")).to_be_visible(timeout=SECONDS)
    upload(page, next((data / "circle").iterdir()))
    expect(page.get_by_text(re.compile(r"ms · begun"))).to_be_visible(timeout=SECONDS)


@pytest.mark.timeout(900)
def test_a_run_is_renamed_deleted_and_brought_back(page: Page, server: Server, runs: Path) -> None:
    folder = runs / "passing"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(to_toml(load_recipe("fast")))
    open_page(page, server, "/training?show=passing")
    page.get_by_role("button", name="Change").click()
    page.get_by_role("textbox", name="New name").fill("lasting")
    page.get_by_role("textbox", name="New name").press("Enter")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("lasting · cut off")).to_be_visible(timeout=SECONDS)
    assert not folder.exists()
    page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name="Delete").click()
    deleted = page.get_by_text("The run lasting is deleted")
    expect(deleted).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("lasting · cut off")).to_have_count(0, timeout=SECONDS)  # the page is drawn to its end
    assert not folder.with_name("lasting").exists()
    page.get_by_role("button", name="Undo").click()
    expect(deleted).to_have_count(0, timeout=SECONDS)
    expect(page.get_by_text("lasting · cut off")).to_be_visible(timeout=SECONDS)
    assert (folder.with_name("lasting") / "recipe.toml").exists()
    open_page(page, server, "/training?show=fast")
    expect(page.get_by_text("fast · finished")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_role("button", name="Change")).to_have_count(0)  # the shipped run stays as it is


@pytest.mark.train
@pytest.mark.timeout(900)
def test_a_run_outlives_the_server_that_started_it(page: Page, tmp_path: Path) -> None:
    data, home = draw_folder(tmp_path / "shapes", 30), tmp_path / "home"
    folder = home / "runs" / "tiny"
    try:
        with serve({"VITRINE_HOME": str(home)}) as server:
            open_page(page, server)
            start(page, data, "tiny")
            expect(page.get_by_text(re.compile(r"tiny: epoch \d+ of 5000"))).to_be_visible(timeout=SECONDS)
            server.process.send_signal(signal.SIGINT)
            server.process.wait(SECONDS / 1000)
        assert read_run(folder).alive
        with serve({"VITRINE_HOME": str(home)}) as server:
            open_page(page, server)
            expect(page.get_by_text(re.compile(r"tiny: epoch \d+ of 5000"))).to_be_visible(timeout=SECONDS)
    finally:
        end(folder)
