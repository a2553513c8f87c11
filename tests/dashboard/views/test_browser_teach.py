"""The Teach page in a real browser with a camera: pictures go in, the network learns, answers live and is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.browser import FLAGS, find_chromium
from benchmarks.servers import ROOT, Server, serve
from model.registry.card import INT8_FILE, read_card
from model.registry.resolution import find_bundle
from tests.dashboard.browser_page import PATIENCE, open_page, wait_until_at_rest
from tests.server_log import without_traceback
from tests.training.teach.taught import scene
from training.projects.schema import ProjectError
from training.projects.shelf import create_project, open_project, remove_project

# Ctrl+V with a picture, which no browser lets a test put onto the clipboard.
PASTE = """async () => {
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 90
  canvas.getContext("2d").fillRect(20, 20, 40, 40)
  const blob = await new Promise((done) => canvas.toBlob(done))
  const parcel = new DataTransfer()
  parcel.items.add(new File([blob], "pasted.png", { type: "image/png" }))
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: parcel, bubbles: true }))
}"""
CLASSES = ("circle", "square", "stripes")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures a class; one square lies among the circles, and one circle among the squares as well."""
    folder = tmp_path_factory.mktemp("pictures")
    for shape in CLASSES:
        (folder / shape).mkdir()
        for number in range(8):
            scene(shape, number).resize((320, 320)).save(folder / shape / f"{number}.jpg", quality=92)
        scene(shape, 77).resize((320, 320)).save(folder / f"{shape}.jpg")
    scene("square", 40).resize((320, 320)).save(folder / "circle" / "wrong.jpg")
    scene("circle", 3).resize((300, 300)).save(folder / "square" / "again.jpg", quality=70)
    (folder / "circle" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


@pytest.fixture(scope="module")
def film(pictures: Path) -> Path:
    """What the camera sees: circles, in the one form that Chromium plays."""
    frames = []
    for number in range(20):
        channels = scene("circle", 100 + number // 4).resize((320, 240)).convert("YCbCr").split()
        light, blue, red = (np.asarray(channel) for channel in channels)
        frames.append(b"FRAME\n" + light.tobytes() + blue[::2, ::2].tobytes() + red[::2, ::2].tobytes())
    path = pictures / "film.y4m"
    path.write_bytes(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\n" + b"".join(frames))
    return path


SLOW_LINE = """() => {
  const quick = window.fetch
  window.fetch = async (address, ...more) => {
    if (String(address).includes("pictures?")) await new Promise((done) => setTimeout(done, 700))
    return quick(address, ...more)
  }
}"""


LATE_ANSWER = """() => {
  const quick = window.fetch
  let first = true
  window.fetch = async (address, ...more) => {
    const answer = await quick(address, ...more)
    if (first && String(address).endsWith("/ask")) {
      first = false
      await new Promise((done) => setTimeout(done, 3000))
      document.body.dataset.late = "here"
    }
    return answer
  }
}"""


@pytest.fixture
def filming(browser: Browser, film: Path) -> Iterator[Page]:
    """A page of a browser whose camera is a film. browser: that there is one at all."""
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    own = browser.browser_type.launch(
        executable_path=find_chromium(), args=[*FLAGS, *flags, f"--use-file-for-fake-video-capture={film}"]
    )
    page = own.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    own.close()


@pytest.fixture
def no_project_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VITRINE_HOME", str(server.home))
    yield
    try:
        remove_project("my-classes")
    except ProjectError:
        return


def card_of(page: Page, name: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("button", name=f"Rename {name}"))


def add_class(page: Page, name: str, files: list[Path]) -> None:
    page.get_by_label("New class").fill(name)
    page.get_by_role("button", name="Add", exact=True).click()
    card = card_of(page, name)
    card.locator("input[type=file]").set_input_files([str(path) for path in files])
    expect(card.locator(".count")).not_to_have_text("0")


@pytest.mark.usefixtures("no_project_left")
def test_three_classes_are_taught_asked_and_filmed(filming: Page, server: Server, pictures: Path) -> None:
    page = filming
    page.goto(f"{server.url}/teach?lang=en")
    for name in CLASSES:
        add_class(page, name, sorted((pictures / name).glob("*.jpg")))
    expect(card_of(page, "circle").locator(".line")).to_contain_text("broken.jpg")
    page.get_by_text("held-out pictures right").wait_for()
    expect(page.get_by_text("looks like square")).to_be_visible()  # the planted one
    expect(page.get_by_text("The same picture is in circle, square")).to_be_visible()
    wait_until_at_rest(page)
    page.get_by_role("button", name="Move to square").click()
    assert_classes(page, {"circle": 8, "square": 10, "stripes": 8})

    page.locator(".tryout input[type=file]").set_input_files(str(pictures / "stripes.jpg"))
    expect(page.locator(".headline")).to_have_text("Stripes")
    expect(page.locator(".near li").first).to_have_text("stripes")

    page.evaluate(LATE_ANSWER)
    for name in ("circle", "square"):  # the answer about the circle comes last, and is not the square's
        page.locator(".tryout input[type=file]").set_input_files(str(pictures / f"{name}.jpg"))
    expect(page.locator(".headline")).to_have_text("Square")
    page.locator("body[data-late]").wait_for(state="attached")
    page.wait_for_timeout(300)
    expect(page.locator(".headline")).to_have_text("Square")

    page.get_by_role("button", name="Live camera").click()
    page.locator(".rate:not(:empty)").wait_for()
    expect(page.locator(".headline")).to_have_text("Circle")

    page.get_by_role("button", name="Stop the camera").click()

    page.get_by_role("button", name="Record circle with the camera").click()
    hold = page.get_by_role("button", name="Hold to record")
    hold.wait_for()
    page.wait_for_timeout(1000)  # until the film plays
    page.evaluate(SLOW_LINE)
    hold.hover()
    page.mouse.down()
    page.wait_for_timeout(1500)
    page.mouse.up()
    expect(card_of(page, "circle").locator(".count")).not_to_have_text("8")
    page.get_by_role("button", name="Undo:").click()  # which waits until the last picture has been sent
    expect(card_of(page, "circle").locator(".count")).to_have_text("8")

    page.reload()  # everything was kept as it came
    assert_classes(page, {"circle": 8, "square": 10, "stripes": 8})
    page.get_by_text("held-out pictures right").wait_for()
    assert len(open_project("my-classes").pictures()) == 26


def assert_classes(page: Page, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        expect(card_of(page, name).locator(".count")).to_have_text(str(count))


@pytest.mark.usefixtures("no_project_left")
def test_a_class_is_renamed_and_its_pictures_are_moved_by_hand(page: Page, server: Server, pictures: Path) -> None:
    page.goto(f"{server.url}/teach?lang=en")
    page.set_default_timeout(PATIENCE)
    add_class(page, "round", [pictures / "circle" / "0.jpg", pictures / "square" / "1.jpg"])
    add_class(page, "square", [pictures / "square" / "2.jpg"])
    page.get_by_role("button", name="Rename round").click()
    page.get_by_role("textbox", name="Rename round").fill("circle")
    page.get_by_role("textbox", name="Rename round").press("Enter")
    card = card_of(page, "circle")
    card.get_by_role("button", name="1.jpg").click()
    card.get_by_label("Move to …").select_option("square")
    assert_classes(page, {"circle": 1, "square": 2})
    page.get_by_role("button", name="Undo:").click()
    assert_classes(page, {"circle": 2, "square": 1})
    card_of(page, "square").hover()
    page.evaluate(PASTE)  # goes to the class below the mouse
    assert_classes(page, {"circle": 2, "square": 2})


@pytest.mark.usefixtures("no_project_left")
def test_what_went_wrong_is_named_and_stays_and_the_rest_comes_in(
    page: Page, server: Server, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "large.jpg").write_bytes(bytes(21 * 2**20))
    (tmp_path / "torn.zip").write_bytes(b"no archive")
    open_page(page, server, "/teach?lang=en")
    add_class(page, "circle", [pictures / "circle" / "0.jpg", tmp_path / "large.jpg", pictures / "circle" / "1.jpg"])
    assert_classes(page, {"circle": 2})
    expect(card_of(page, "circle").locator(".line")).to_contain_text("large.jpg: This file has more than 20 MB")
    page.locator(".whole input[type=file]").set_input_files(str(tmp_path / "torn.zip"))
    expect(page.locator(".board .problem")).to_contain_text("cannot be read")
    page.wait_for_timeout(3000)  # the list is read again meanwhile
    expect(page.locator(".board .problem")).to_contain_text("cannot be read")
    add_class(page, "square", [pictures / "square" / "0.jpg"])
    expect(page.locator(".board .problem")).to_be_empty()


@pytest.mark.usefixtures("no_project_left")
def test_the_cards_follow_the_language(page: Page, server: Server, pictures: Path) -> None:
    open_page(page, server, "/teach?lang=en")
    add_class(page, "circle", [pictures / "circle" / "0.jpg"])
    page.locator(".st-key-language").get_by_text("pt", exact=True).click()
    expect(page.get_by_role("button", name="Renomear circle")).to_be_visible()


@pytest.mark.usefixtures("no_project_left")
def test_pictures_go_to_the_project_and_class_that_they_were_dropped_on(
    page: Page, server: Server, pictures: Path, tmp_path: Path
) -> None:
    files = []
    for number in range(40):
        files.append(tmp_path / f"{number}.png")
        scene("circle", number).resize((64, 64)).save(files[-1])
    open_page(page, server, "/teach?lang=en")
    create_project("other")
    try:
        open_page(page, server, "/teach?lang=en&project=my-classes")
        page.evaluate(SLOW_LINE)
        add_class(page, "round", files[:30])
        page.get_by_role("button", name="Rename round").click()
        page.get_by_role("textbox", name="Rename round").fill("circle")
        page.get_by_role("textbox", name="Rename round").press("Enter")  # while the rest is on its way
        assert_classes(page, {"circle": 30})
        card_of(page, "circle").locator("input[type=file]").set_input_files([str(path) for path in files])
        expect(card_of(page, "circle").locator(".line")).to_contain_text("of 40")
        page.get_by_role("combobox", name="Project").click()
        page.get_by_role("option", name="other").click()
        expect(page.locator(".empty")).to_be_visible()
        deadline = time.monotonic() + PATIENCE / 1000
        while len(open_project("my-classes").pictures()) < 40:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert open_project("other").classes() == []
        expect(page.locator(".card")).to_have_count(0)
    finally:
        remove_project("other")


def test_a_kept_network_answers_everywhere_and_its_project_opens_again_after_a_kill(
    page: Page, pictures: Path, no_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    environment = no_data | {"VITRINE_HOME": str(tmp_path / "home")}
    with serve(environment) as server, without_traceback(server.log):
        open_page(page, server, "/teach?lang=en")
        for name in CLASSES:
            add_class(page, name, [pictures / name / f"{number}.jpg" for number in range(4)])
        assert_classes(page, dict.fromkeys(CLASSES, 4))
        expect(page.get_by_role("button", name="Learnt")).to_be_disabled()
        keep_as(page, "shapes")
        page.get_by_role("link", name="Classify with shapes").click()  # there before the int8 file is
        page.get_by_role("button", name="Settings").click()
        expect(page.get_by_role("combobox", name="Network")).to_have_value("shapes")
        wait_for_int8("shapes")
        server.process.kill()
        server.process.wait()
    with serve(environment) as server, without_traceback(server.log):
        open_page(page, server, "/teach?lang=en")
        assert_classes(page, dict.fromkeys(CLASSES, 4))
        expect(page.get_by_text("of 12 held-out pictures right")).to_be_visible()
        expect(page.get_by_role("link", name="Classify with shapes")).to_be_visible()
    assert predicted("shapes", [pictures / f"{name}.jpg" for name in CLASSES]) == list(CLASSES)


def keep_as(page: Page, name: str) -> None:
    page.get_by_role("button", name="Use it everywhere").click()
    field = page.get_by_label("Name of the network")
    field.fill(name)
    field.press("Enter")
    wait_until_at_rest(page)
    page.get_by_role("button", name="Use it", exact=True).click()


def wait_for_int8(model: str) -> None:
    """Until a model's card, which is written last, names its int8 file."""
    deadline = time.monotonic() + PATIENCE / 1000
    while INT8_FILE not in read_card(find_bundle(model)).files:
        assert time.monotonic() < deadline, model
        time.sleep(0.2)


def predicted(model: str, files: list[Path]) -> list[str]:
    """What `vitrine predict` says of files with a model's int8 file."""
    command = [sys.executable, "-m", "vitrine", "predict", "--model", model, "--engine", "int8", "--json", *files]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return [answer["category"] for answer in json.loads(ended.stdout)]
