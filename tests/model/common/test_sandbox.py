from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from model.common import sandbox
from model.common.errors import UnsafeModelError
from model.common.sandbox import print_result, run_sandboxed


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        return real([command[0], "-c", code], **options)

    monkeypatch.setattr(sandbox.subprocess, "run", run)


@pytest.mark.parametrize("code", ["import os; os.abort()", "import sys; sys.exit()", "print('hello')"])
def test_a_process_that_ends_without_an_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    run_instead(monkeypatch, code)
    with pytest.raises(UnsafeModelError, match="loading it ends the program: it is damaged, or needs too much memory"):
        run_sandboxed("model.intake.inspection", [])


def test_a_process_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "while True: pass")
    with pytest.raises(UnsafeModelError, match="could not be loaded within 1 seconds"):
        run_sandboxed("model.intake.inspection", [], timeout_seconds=1)


def test_whatever_is_printed_before_the_answer_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "print('{}'); print('{\"answer\": 42}')")
    assert run_sandboxed("model.intake.inspection", []) == {"answer": 42}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnsafeModelError("it is odd"), "it is odd"),
        (KeyError("x" * 500), "it cannot be loaded: 'xxx"),
        (MemoryError(), "it cannot be loaded: MemoryError"),
        (ValueError("first\n   second"), "it cannot be loaded: first second"),
    ],
)
def test_any_error_is_half_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def work() -> dict[str, Any]:
        raise error

    monkeypatch.setattr(sandbox, "limit_memory", lambda: None)
    print_result(work)
    said = capsys.readouterr().out
    assert said.startswith('{"error": "' + words)
    assert len(said) < 260


def test_memory_is_limited() -> None:
    code = "from model.common.sandbox import limit_memory; import numpy; limit_memory(); numpy.empty(2**33, 'u1')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in run.stderr


def test_a_strangers_file_is_looked_over_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    names = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "JAX_PLATFORMS")
    run_instead(monkeypatch, f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {names}}}))")
    assert run_sandboxed("model.intake.inspection", []) == dict(zip(names, ("-1", "-1", "cpu"), strict=True))
