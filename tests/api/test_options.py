"""The options of `python -m api`: described, and refused in a sentence."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from api.__main__ import command
from model.common.settings import settings_table
from tests.shipped import LISTED


@pytest.mark.parametrize(("name", "meaning", "default"), settings_table(api_only=True))
def test_every_setting_is_in_the_help(name: str, meaning: str, default: str) -> None:
    shown = CliRunner().invoke(command, ["--help"], terminal_width=200).output
    assert f"  {name}  {meaning} [{default}]" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "int7"], "VITRINE_ENGINE is 'int7'"),
        (["--model", "fats"], f"unknown model 'fats'; models: {LISTED}; did you mean 'fast'?"),
        (["--port", "70000"], "VITRINE_PORT is '70000'"),
        (["--workers", "0"], "VITRINE_WORKERS is '0'; it can be a whole number from 1 to 256"),
        (["--workers", "-2"], "VITRINE_WORKERS is '-2'"),
        (["--host", "no such host"], "cannot listen on no such host"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_options_that_cannot_be_used_end_in_a_sentence(options: list[str], words: str) -> None:
    ended = CliRunner().invoke(command, options)
    assert isinstance(ended.exception, SystemExit)
    assert words in str(ended.exception.code)
