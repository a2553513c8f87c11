from __future__ import annotations

import os

import pytest

from model.quiet import quiet

NOTE = b"I0000 00:00:1.5 1 port.cc:153] oneDNN custom operations are on.\n"


def test_notes_are_dropped_and_everything_else_comes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, NOTE + b"disk full\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "disk full\nafter\n"


def test_an_error_keeps_what_was_written_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="gone"), quiet():
        os.write(2, b"a reason\n")
        raise OSError("gone")
    assert capfd.readouterr().err == "a reason\n"


def test_whoever_asks_for_the_notes_gets_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with quiet():
        os.write(2, NOTE)
    assert capfd.readouterr().err.encode() == NOTE
