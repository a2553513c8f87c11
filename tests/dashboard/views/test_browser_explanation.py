"""Why, compare, paste and feedback, in a real browser against the real server and the shipped network."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.servers import Server
from model.datasets.loader import load_dataset
from tests.dashboard.browser_page import SAMPLES, open_page, open_phone, upload
from tests.drawn import encode, picture

COPY = """async ([content, type]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))
  await navigator.clipboard.write([new ClipboardItem({ [type]: new Blob([bytes], { type }) })])
}"""
# What a browser hands over when files, not pixels, were copied.
PASTE_FILE = """([content, name, type]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))
  const parcel = new DataTransfer()
  parcel.items.add(new File([bytes], name, { type }))
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: parcel, bubbles: true, cancelable: true }))
}"""


def copied(page: Page, content: bytes, kind: str = "image/png") -> None:
    """Put a picture on the browser's clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, [b64encode(content).decode(), kind])


def horse() -> bytes:
    from model.images.decoder import read_image

    return encode(read_image((SAMPLES / "horse-zaniskari.jpg").read_bytes()), "PNG")


def opacity(page: Page) -> str:
    return str(page.locator("figure .map").evaluate("image => image.style.opacity"))


def test_why_shows_a_map_whose_slider_blends_at_once(page: Page, server: Server) -> None:
    open_page(page, server, "/?sample=frog-brown.png")
    page.get_by_text("Why this answer").click()
    expect(page.locator("figure .picture")).to_have_js_property("complete", True)
    expect(page.get_by_text("evidence for “frog”")).to_be_visible()
    before = opacity(page)
    slider = page.get_by_role("slider", name="Strength of the map")
    slider.focus()
    page.keyboard.press("End")
    assert opacity(page) == "1" != before
    page.get_by_text("Occlusion, by covering parts").click()
    expect(page.get_by_text("covering this part with grey")).to_be_visible()
    assert opacity(page) == "1"  # another map is blended as the visitor left it
    page.get_by_role("tab", name="Robustness").click()
    expect(page.get_by_text("small changes")).to_be_visible()
    page.get_by_role("tab", name="Nearest training pictures").click()
    expect(page.get_by_text("Set VITRINE_DATA to their folder")).to_be_visible()


@pytest.mark.parametrize("way", ["keys", "button"])
def test_a_picture_on_the_clipboard_is_classified(page: Page, server: Server, way: str) -> None:
    open_page(page, server)
    paste = page.get_by_role("button", name="Paste")
    paste.wait_for()
    copied(page, horse())
    if way == "keys":
        page.locator("body").press("Control+v")
    else:
        paste.click()
    expect(page.get_by_role("heading", name="Horse")).to_be_visible()


def test_what_is_pasted_is_checked_like_what_is_dropped(page: Page, server: Server) -> None:
    open_page(page, server)
    page.get_by_role("button", name="Paste").wait_for()
    page.evaluate(PASTE_FILE, [b64encode(b"<svg onload=alert(1)>").decode(), "cat.png", "image/png"])
    expect(page.get_by_text("This file is not an image")).to_be_visible()
    page.evaluate(PASTE_FILE, [b64encode(bytes(21 * 2**20)).decode(), "large.png", "image/png"])
    expect(page.get_by_text("File must be 20.0MB or smaller")).to_be_visible()


def test_what_is_pasted_before_the_drop_area_is_drawn_waits_for_it(page: Page, server: Server) -> None:
    open_page(page, server)
    page.get_by_role("button", name="Paste").wait_for()
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').wait_for(state="attached")
    rename = """([from, to]) => document.querySelector(`[data-testid="${from}"]`).setAttribute("data-testid", to)"""
    page.evaluate(rename, ["stFileUploaderDropzoneInput", "not yet"])
    page.evaluate(PASTE_FILE, [b64encode(horse()).decode(), "horse.png", "image/png"])
    page.wait_for_timeout(500)
    expect(page.get_by_text("There is no picture in the clipboard.")).to_have_count(0)
    page.evaluate(rename, ["not yet", "stFileUploaderDropzoneInput"])
    expect(page.get_by_role("heading", name="Horse")).to_be_visible()


def test_a_clipboard_without_a_picture_is_a_sentence(page: Page, server: Server) -> None:
    open_page(page, server)
    page.get_by_role("button", name="Paste").wait_for()
    copied(page, b"just words", "text/plain")
    page.locator("body").press("Control+v")
    expect(page.get_by_text("There is no picture in the clipboard.")).to_be_visible()


def test_two_networks_answer_a_dropped_picture(page: Page, server: Server) -> None:
    open_page(page, server, "/compare?first=fast:keras&second=fast:int8")
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Both say “horse”")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)


def test_what_was_said_of_answers_comes_back_as_data_to_train_on(page: Page, server: Server, tmp_path: Path) -> None:
    said = set()
    for number in (0, -1):
        open_page(page, server)
        path = tmp_path / f"{number}.png"
        path.write_bytes(encode(picture(number + 2), "PNG"))
        upload(page, path)
        page.get_by_text("Is it one of the classes after all?").wait_for()  # drawn shapes are none of them
        page.get_by_role("combobox", name="It is").click()
        option = page.get_by_role("option").nth(number)  # classes that the network did not answer
        said.add(option.inner_text())
        option.click()
        expect(page.get_by_text("Thank you, noted.")).to_be_visible()
    page.get_by_role("link", name="History").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Pictures by class").click()
    with ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        archive.extractall(tmp_path / "feedback")
    dataset = load_dataset(tmp_path / "feedback", 32, validation=0.0, test=0.0)
    assert (dataset.classes, len(dataset.train)) == (tuple(sorted(said)), 2)


def test_the_panel_and_the_comparison_fit_a_phone(browser: Browser, server: Server) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    open_phone(phone, server, "/?sample=frog-brown.png")
    phone.get_by_text("Why this answer").click()
    phone.get_by_role("slider", name="Strength of the map").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    open_phone(phone, server, "/compare?sample=frog-brown.png")
    phone.get_by_role("heading", name="Both say").or_(phone.get_by_role("heading", name="They disagree")).wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone.close()
