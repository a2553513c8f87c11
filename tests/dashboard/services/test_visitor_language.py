"""The page in two languages, as a visitor gets it."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from benchmarks.servers import Server
from tests.dashboard.browser_page import PATIENCE


def test_a_brazilian_browser_gets_portuguese(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="pt-BR")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(server.url + "/?sample=horse-zaniskari.jpg")
    expect(page.get_by_role("heading", name="Cavalo")).to_be_visible()
    expect(page.get_by_role("link", name="Treinamento")).to_be_visible()
    expect(page.locator(".js-plotly-plot").get_by_text("caminhão")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "pt")
    context.close()


def test_the_switch_stands_in_the_address_and_stays_from_page_to_page(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_text("What will it be?")).to_be_visible()
    page.get_by_role("radio", name="PT").click()
    expect(page.get_by_text("O que será?")).to_be_visible()
    page.wait_for_url("**/?lang=pt")
    page.get_by_role("link", name="Modelos").click()
    expect(page.get_by_text("Abra uma rede para ver suas camadas")).to_be_visible()
    page.get_by_role("radio", name="EN").click()
    expect(page.get_by_text("Open a network to see its layers")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_an_address_with_a_language_is_followed(page: Page, server: Server) -> None:
    page.goto(server.url + "/models?lang=pt")
    expect(page.get_by_text("Abra uma rede para ver suas camadas")).to_be_visible()
    page.goto(server.url + "/models?lang=%3Cscript%3E")
    expect(page.get_by_text("Open a network to see its layers")).to_be_visible()
