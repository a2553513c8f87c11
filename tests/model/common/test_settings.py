"""The settings: read from the environment, refused in a sentence, listed where people look."""

from __future__ import annotations

import dataclasses

import pytest

from model.common.errors import SettingError
from model.common.settings import Settings, read_settings, settings_table, unknown_variables, variable
from model.i18n.translations import use_language
from tests.documents import ENGLISH, PORTUGUESE
from tests.settings_tables import TABLES, with_tables

NAMES = [field.name for field in dataclasses.fields(Settings)]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(variable(name), raising=False)


def test_the_environment_is_read_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PORT", "9000")
    monkeypatch.setenv("VITRINE_THREADS", "3")
    monkeypatch.setenv("VITRINE_CORS", " https://a.example ,https://b.example/,")
    monkeypatch.setenv("VITRINE_QUEUE", "")
    settings = read_settings(port=9001, host=None)
    assert (settings.port, settings.host, settings.threads) == (9001, "localhost", 3)
    assert settings.queue == Settings().queue
    assert settings.cors == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("VITRINE_PORT", "many", "VITRINE_PORT is 'many'; it can be a whole number from 0 to 65535"),
        ("VITRINE_PORT", "65536", "VITRINE_PORT is '65536'; it can be a whole number from 0 to 65535"),
        ("VITRINE_ENGINE", "int7", "VITRINE_ENGINE is 'int7'; it can be keras, int8 or auto"),
        ("VITRINE_THREADS", "0", "VITRINE_THREADS is '0'; it can be a whole number from 1 to 64"),
        ("VITRINE_BODY_SECONDS", "0", "VITRINE_BODY_SECONDS is '0'; it can be a number of seconds above 0"),
        ("VITRINE_BODY_SECONDS", "nan", "VITRINE_BODY_SECONDS is 'nan'; it can be a number of seconds above 0"),
        ("VITRINE_HISTORY", "true", "VITRINE_HISTORY is 'true'; it can be 1, for yes, or 0, for no"),
        ("VITRINE_SHARE", "no", "VITRINE_SHARE is 'no'; it can be 1, for yes, or 0, for no"),
    ],
)
def test_an_invalid_value_is_a_sentence(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as caught:
        read_settings()
    assert str(caught.value) == message
    with pytest.raises(SettingError):
        read_settings(name.removeprefix("VITRINE_").lower())
    assert read_settings("home") == Settings()  # nobody who needs another setting is told


@pytest.mark.parametrize(
    "given",
    ["example.org", "https://a; script-src *", "https://a b", "'none'", "https://a/path", "https://a\nX: y", "*, *"],
)
@pytest.mark.parametrize("name", ["embed", "cors"])
def test_what_is_no_origin_is_refused_with_a_sentence(name: str, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable(name), given)
    with pytest.raises(SettingError, match=r"takes origins such as https://example\.org"):
        read_settings()


@pytest.mark.parametrize("given", ["https://*.example.org", "https://a.example, https://*", "*, https://a.example"])
def test_a_pattern_is_no_origin_that_may_call(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers name one origin, which is compared as it is; the pages that may show this one can be a pattern."""
    monkeypatch.setenv("VITRINE_CORS", given)
    with pytest.raises(SettingError, match=r"VITRINE_CORS has .*; it takes origins such as https://example\.org"):
        read_settings()
    monkeypatch.setenv("VITRINE_EMBED", "https://*.example.org")
    assert read_settings("embed").embed == ("https://*.example.org",)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://Example.org", "https://example.org"),
        ("https://example.org:443/", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://localhost:443", "http://localhost:443"),
        ("*", "*"),
    ],
)
def test_an_origin_that_may_call_is_written_as_browsers_do(
    given: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_CORS", given)
    assert read_settings("cors").cors == (sent,)


def test_every_invalid_value_has_its_line_in_the_language_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PORT", "many")
    monkeypatch.setenv("VITRINE_HISTORY", "yes")
    with use_language("pt"), pytest.raises(SettingError) as caught:
        read_settings()
    assert str(caught.value).splitlines() == [
        "VITRINE_PORT é 'many'; pode ser um número inteiro de 0 a 65535",
        "VITRINE_HISTORY é 'yes'; pode ser 1, para sim, ou 0, para não",
    ]


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_API_TOKEN", "sesame")
    monkeypatch.setenv("VITRINE_PASSWORD", "sesame")
    settings = read_settings()
    assert settings.api_token == settings.password == "sesame"
    assert "sesame" not in f"{settings!r} {settings}"
    monkeypatch.setenv("VITRINE_PORT", "many")
    with pytest.raises(SettingError) as caught:
        read_settings()
    assert "sesame" not in str(caught.value)


def test_space_around_a_token_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that hold a secret often end in a line break."""
    monkeypatch.setenv("VITRINE_API_TOKEN", " open sésame \r\n")
    assert read_settings("api_token").api_token == "open sésame"


@pytest.mark.parametrize("given", ["\n", "se\nsame", "sesame\x1b[m", "s\udce9same"])
def test_what_no_header_can_hold_is_no_token(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_API_TOKEN", given)
    with pytest.raises(SettingError) as caught:
        read_settings()
    assert str(caught.value) == "VITRINE_API_TOKEN is no token; a token is one line of letters, digits and signs"


def test_unknown_variables_are_named_with_the_nearest() -> None:
    known = {variable(name): "1" for name in NAMES}
    assert unknown_variables(known | {"HOME": "/", "VITRINES": "1"}) == []
    assert unknown_variables(known | {"VITRINE_API_TOKN": "x"}) == [
        "unknown setting VITRINE_API_TOKN; did you mean VITRINE_API_TOKEN?"
    ]


@pytest.mark.parametrize(("name", "default"), [(name, getattr(Settings(), name)) for name in NAMES])
def test_a_default_can_be_set_as_it_is_shown(name: str, default: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = (shown for one, _, shown in settings_table() if one == variable(name))
    if default and " " not in shown:
        monkeypatch.setenv(variable(name), shown)
    assert read_settings() == Settings()


@pytest.mark.parametrize("document", TABLES)
def test_the_tables_of_the_documents_are_those_of_the_code(document: str) -> None:
    text = (ENGLISH | PORTUGUESE)[document]
    assert text == with_tables(text, TABLES[document]), "`make tables` writes them"
