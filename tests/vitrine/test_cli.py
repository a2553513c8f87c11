"""One command over the page, the classifier, the training and the API."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.common import extras
from vitrine.cli import COMMANDS, build_app

ROOT = Path(__file__).parent.parent.parent


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(build_app(["--help"]), ["--help"]).output
    assert [line.split()[0] for line in shown.partition("Commands:")[2].splitlines()[1:]] == list(COMMANDS)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("run", "--share"),
        ("predict", "--top-k"),
        ("batch", "--shard-size"),
        ("train", "--recipe"),
        ("api", "VITRINE_API_TOKEN"),
    ],
)
def test_a_command_has_its_own_help(command: str, option: str) -> None:
    words = [command, "--help"]
    shown = CliRunner().invoke(build_app(words), words, prog_name="vitrine").output
    assert f"Usage: vitrine {command} " in shown
    assert option in shown


def test_every_command_of_the_documentation_is_there() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")]
    shown = {word for text in texts for word in re.findall(r"(?:`|'|^)vitrine ([a-z]+)", text, re.MULTILINE)}
    assert shown == set(COMMANDS)


def test_a_mistyped_command_is_a_sentence() -> None:
    run = CliRunner().invoke(build_app(["preidct"]), ["preidct"])
    assert run.exit_code == 2
    assert "Did you mean 'predict'?" in run.output


@pytest.mark.parametrize("words", [["predict", "--help"], ["batch", "--help"], ["run", "--help"], ["train", "--help"]])
def test_a_command_imports_only_what_it_needs(words: list[str]) -> None:
    code = f"""
import sys
from vitrine.cli import build_app
build_app({words})({words}, standalone_mode=False)
sys.exit(bool({{'fastapi', 'streamlit', 'keras', 'sqlalchemy'}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_training_prepares_its_process_first(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr("training.engine.process_environment.prepare_process", lambda: done.append("prepared"))
    monkeypatch.setattr(extras, "is_installed", lambda extra: done.append(extra) or False)
    run = CliRunner().invoke(build_app(["train"]), ["train"])
    assert run.output == "error: Keras is not installed; pip install keras tensorflow h5py installs it\n"
    assert (done, run.exit_code) == (["prepared", "keras"], 1)


def test_a_sweep_is_part_of_train_and_starts_no_run_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.engine.process_environment.prepare_process", lambda: None)
    words = ["train", "sweep", "epochs=1,0"]
    run = CliRunner().invoke(build_app(words), words)
    assert (run.output, run.exit_code) == ("error: epochs is 0; it can be 1 to 100000\n", 1)
