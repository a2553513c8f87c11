"""`vitrine run` starts the page as `make run` does, wherever it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.web import cli
from typer.testing import CliRunner

from model.images.decoder import MAX_BYTES
from vitrine.cli import build_app
from vitrine.page import settings

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Streamlit's command is given in the end; the environment is as before afterwards."""
    words: list[str] = []
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    monkeypatch.setattr(os, "environ", plain)
    monkeypatch.setattr(cli, "main", lambda arguments, prog_name: words.extend(arguments))
    return words


def run(*words: str) -> None:
    result = CliRunner().invoke(build_app(["run"]), ["run", *words])
    assert result.exit_code == 0, result.output


def test_streamlit_serves_the_page_where_it_is_told_and_takes_its_own_options(given: list[str]) -> None:
    run("--port", "8600", "--server.baseUrlPath=vitrine")
    assert given[0] == "run"
    assert Path(given[1]).samefile(ROOT / "dashboard" / "app.py")
    assert given[2:] == ["--server.address", "localhost", "--server.port", "8600", "--server.baseUrlPath=vitrine"]


def test_a_shared_page_takes_pictures_only(given: list[str]) -> None:
    run("--share")
    assert given[-2:] == ["--server.maxUploadSize", str(MAX_BYTES // 2**20)]
    assert os.environ["VITRINE_SHARE"] == "1"


def test_what_the_environment_says_already_holds(given: list[str]) -> None:
    os.environ["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] = "50"
    run()
    assert os.environ["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] == "50"
    assert os.environ["STREAMLIT_SERVER_HEADLESS"] == "True"


def test_in_any_folder_the_settings_are_those_of_the_repository(tmp_path: Path) -> None:
    assert shown_settings(tmp_path, dict(settings())) == shown_settings(ROOT, {})
    assert shown_settings(tmp_path, {}) != shown_settings(ROOT, {})


def shown_settings(folder: Path, variables: dict[str, str]) -> list[str]:
    """What Streamlit, started in a folder, takes for its settings."""
    command = [sys.executable, "-m", "streamlit", "config", "show"]
    shown = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=True
    ).stdout
    return [line for line in shown.splitlines() if line and not line.startswith("#")]
