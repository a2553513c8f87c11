"""The settings: read from the environment, refused in a sentence, listed where people look."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from api.__main__ import command
from api.settings import OTHERS, Settings, SettingsError, read_settings, settings_table, unknown_variables, variable
from model.common.settings import history_enabled
from tests.documents import ENGLISH
from tests.shipped import LISTED

SERVING = ENGLISH["docs/serving.md"]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_the_environment_is_read_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PORT", "9000")
    monkeypatch.setenv("VITRINE_THREADS", "3")
    monkeypatch.setenv("VITRINE_CORS", " https://a.example ,https://b.example,")
    monkeypatch.setenv("VITRINE_QUEUE", "")
    settings = read_settings(port=9001, host=None)
    assert (settings.port, settings.host, settings.threads) == (9001, "localhost", 3)
    assert settings.queue == Settings.model_fields["queue"].default
    assert settings.origins == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VITRINE_PORT", "many", "VITRINE_PORT is 'many'"),
        ("VITRINE_PORT", "65536", "less than or equal to 65535"),
        ("VITRINE_ENGINE", "int7", "'keras' or 'int8'"),
        ("VITRINE_THREADS", "0", "greater than or equal to 1"),
        ("VITRINE_BODY_SECONDS", "0", "greater than 0"),
        ("VITRINE_HISTORY", "true", "it can be 1, to keep answers, or 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_sentence(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        read_settings()


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_API_TOKEN", "sesame")
    settings = read_settings()
    assert "sesame" not in f"{settings!r} {settings}"
    monkeypatch.setenv("VITRINE_PORT", "many")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert "sesame" not in str(caught.value)


def test_unknown_variables_are_named_with_the_nearest() -> None:
    known = {variable(name): "1" for name in Settings.model_fields} | dict.fromkeys(OTHERS, "1")
    assert unknown_variables(known | {"HOME": "/", "VITRINES": "1"}) == []
    assert unknown_variables(known | {"VITRINE_API_TOKN": "x"}) == [
        "unknown setting VITRINE_API_TOKN; did you mean VITRINE_API_TOKEN?"
    ]


@pytest.mark.parametrize(("name", "meaning", "default"), settings_table())
def test_every_setting_is_in_help_and_in_the_documents(name: str, meaning: str, default: str) -> None:
    shown = CliRunner().invoke(command, ["--help"], terminal_width=200).output
    assert f"  {name}  {meaning} [{default}]" in shown
    assert f"| `{name}` | {meaning} | {default} |" in SERVING


@pytest.mark.parametrize(
    ("name", "default"), [(name, default) for name, _, default in settings_table() if default != "none"]
)
def test_a_default_can_be_set_as_it_is_shown(name: str, default: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, default)
    assert read_settings().model_dump() == {one: field.default for one, field in Settings.model_fields.items()}
    assert not history_enabled()  # which is stricter about VITRINE_HISTORY than the API


def test_every_variable_of_other_parts_is_in_the_documents() -> None:
    assert all(f"`{name}`" in SERVING for name in OTHERS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "int7"], "VITRINE_ENGINE is 'int7'"),
        (["--model", "fats"], f"unknown model 'fats'; models: {LISTED}; did you mean 'fast'?"),
        (["--port", "70000"], "VITRINE_PORT is 70000"),
        (["--host", "no such host"], "cannot listen on no such host"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_options_that_cannot_be_used_end_in_a_sentence(options: list[str], words: str) -> None:
    ended = CliRunner().invoke(command, options)
    assert isinstance(ended.exception, SystemExit)
    assert words in str(ended.exception.code)
