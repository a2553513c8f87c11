"""Signing in and out, in a real browser, with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from benchmarks.servers import serve

ASKED = {"VITRINE_LOCAL_OWNER": "0", "VITRINE_PASSWORD": "sesame", "VITRINE_ENGINE": "int8"}


def test_the_owner_signs_in_with_the_password_and_out_again(page: Page, no_data: dict[str, str]) -> None:
    with serve({**no_data, **ASKED}) as server:
        page.goto(f"{server.url}/models?lang=pt")
        expect(page.get_by_text("Você é visitante: olhe e experimente.")).to_be_visible()
        expect(page.get_by_role("button", name="Adicionar uma rede")).to_have_count(0)
        page.get_by_role("button", name="Entrar como dono").press("Enter")
        field = page.get_by_label("Senha")
        expect(field).to_be_focused()
        field.press("Escape")
        expect(field).to_be_hidden()
        page.get_by_role("button", name="Entrar como dono").press("Enter")
        field.fill("sesam")
        field.press("Enter")
        expect(page.get_by_text("Esta não é a senha.")).to_be_visible()
        field.fill("sesame")
        field.press("Enter")
        expect(page.get_by_text("Você entrou como dono.")).to_be_visible()
        expect(page.get_by_role("button", name="Adicionar uma rede")).to_be_visible()
        assert page.evaluate("document.cookie.includes('vitrine_owner')") is False
        other = page.context.new_page()  # the same browser, another tab
        other.goto(f"{server.url}/models?lang=pt")
        expect(other.get_by_role("button", name="Adicionar uma rede")).to_be_visible()
        page.get_by_role("button", name="Sair").press("Enter")
        expect(page.get_by_text("Você é visitante: olhe e experimente.")).to_be_visible()
        other.get_by_role("button", name="Abrir").first.click()  # it counts there, too, without loading the page anew
        expect(other.get_by_text("Você é visitante: olhe e experimente.")).to_be_visible()
        expect(other.get_by_role("button", name="Adicionar uma rede")).to_have_count(0)
        assert "sesam" not in server.log.read_text()
