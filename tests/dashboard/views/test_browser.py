"""What a visitor does, in a real browser against the real server and the shipped network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.servers import Server
from tests.dashboard.browser_page import BARS, SAMPLES, open_page, open_phone, upload
from tests.drawn import encode, picture


def test_dropped_photo_shows_its_class_and_ten_bars(page: Page, server: Server) -> None:
    open_page(page, server)
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Horse")).to_be_visible()
    expect(page.locator(BARS)).to_have_count(10)
    expect(page.get_by_alt_text("The picture horse-zaniskari.jpg")).to_be_visible()
    expect(page.get_by_alt_text("The same picture at 160 by 160 pixels")).to_be_visible()


def test_sample_on_the_classify_page_is_classified_and_stands_in_the_address(page: Page, server: Server) -> None:
    open_page(page, server)
    page.get_by_role("button", name="ship").click()
    expect(page.get_by_text("a ship")).to_be_visible()
    assert "sample=ship" in page.url


def test_gallery_shows_the_true_class_beside_the_guess(page: Page, server: Server) -> None:
    open_page(page, server, "/gallery")
    page.get_by_role("button", name="horse").last.click()
    expect(page.get_by_text("right, it is a horse")).to_be_visible()


def test_text_named_jpg_shows_a_sentence(page: Page, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_text("I am a cat, believe me.")
    open_page(page, server)
    upload(page, path)
    expect(page.get_by_text("This file is not an image: it looks like a text file")).to_be_visible()


def test_a_bad_file_stands_beside_the_others_results(page: Page, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + b"nonsense")
    open_page(page, server)
    upload(page, SAMPLES / "horse-zaniskari.jpg", bad, SAMPLES / "truck-fire.png")
    expect(page.get_by_text("broken.png").last).to_be_visible()
    expect(page.get_by_text("it starts as PNG pictures do, but is damaged or cut off")).to_be_visible()
    expect(page.get_by_text("2 pictures, the least sure first · 1 could not be read")).to_be_visible()
    expect(page.get_by_role("button", name="CSV", exact=True)).to_be_visible()


def test_two_visitors_see_their_own_pictures(browser: Browser, page: Page, server: Server) -> None:
    other = browser.new_page()
    open_page(page, server)
    open_page(other, server)
    upload(page, SAMPLES / "horse-zaniskari.jpg")
    upload(other, SAMPLES / "bird-kingfisher.jpg")
    expect(page.get_by_alt_text("The picture horse-zaniskari.jpg")).to_be_visible()
    expect(other.get_by_alt_text("The picture bird-kingfisher.jpg")).to_be_visible()
    expect(page.get_by_alt_text("The picture bird-kingfisher.jpg")).to_have_count(0)
    other.close()


def test_a_file_larger_than_the_limit_is_refused_beside_its_name(page: Page, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    path.write_bytes(bytes(21 * 2**20))
    open_page(page, server)
    upload(page, path)
    expect(page.get_by_text("File must be 20.0MB or smaller")).to_be_visible()


@pytest.mark.parametrize("name", ["a\"b'c 🐸.png", "*bold* _x_ [a](b) $x$.png"])
def test_a_strange_file_name_is_shown_as_it_is(page: Page, server: Server, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(encode(picture(0), "PNG"))
    open_page(page, server)
    upload(page, path)
    expect(page.get_by_alt_text(f"The picture {name}")).to_be_visible()


def test_on_a_phone_the_answer_comes_before_the_picture(browser: Browser, server: Server) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    open_phone(phone, server, "/?sample=horse-zaniskari.jpg")
    places = [
        phone.get_by_role("heading", name="Horse"),
        phone.get_by_alt_text("The picture horse-zaniskari.jpg"),
        phone.locator(".js-plotly-plot").first,
        phone.get_by_alt_text("The same picture at"),
    ]
    tops = [box["y"] for place in places if (box := place.bounding_box())]
    assert len(tops) == 4 and tops == sorted(tops)
    assert tops[0] < 700  # the words are seen without scrolling
    phone.close()


def test_the_page_fits_a_phone(browser: Browser, server: Server) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    for path in ("/?sample=horse-zaniskari.jpg", "/gallery", "/training", "/models?name=fast", "/history"):
        open_phone(phone, server, path)
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    phone.close()
