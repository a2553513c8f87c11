"""What the make commands stand on: the set-up script, and a server that comes up by `make run` alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.servers import ROOT, free_port
from model.images.decoder import MAX_BYTES


@contextmanager
def make_run(port: int) -> Iterator[None]:
    process = subprocess.Popen(
        ["make", "run", f"PORT={port}"], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def answers(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            time.sleep(0.05)
    return False


def test_set_up_a_second_time_does_nothing_and_says_nothing() -> None:
    subprocess.run(["scripts/setup.sh", "run"], cwd=ROOT, check=True)
    # Without a network: nothing may be asked of one.
    offline = os.environ | {
        "PIP_NO_INDEX": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    second = subprocess.run(
        ["scripts/setup.sh", "run"], cwd=ROOT, capture_output=True, text=True, check=True, env=offline
    )
    assert second.stdout + second.stderr == ""


def test_make_run_serves_the_page() -> None:
    subprocess.run(["scripts/setup.sh", "run"], cwd=ROOT, check=True)
    port = free_port()
    with make_run(port):
        assert answers(f"http://localhost:{port}/", 20)


def test_an_old_python_is_a_sentence(tmp_path: Path) -> None:
    """In a copy without .venv, with a `python3` that is too old on the path and no other."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup.sh", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (old / name).write_text("#!/bin/sh\nexit 1\n")
        (old / name).chmod(0o755)
    environment = {"PATH": f"{old}:/usr/bin:/bin"}
    run = subprocess.run(
        ["sh", "scripts/setup.sh"], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 1
    assert "Vitrine needs Python 3.11, 3.12 or 3.13; none was found." in run.stderr


@pytest.mark.parametrize("offline", [False, True])
def test_what_a_public_link_needs_is_installed_once_and_may_fail(tmp_path: Path, offline: bool) -> None:
    """In a copy whose Python only writes down what it is asked."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup.sh", "requirements.txt", "requirements-share.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    refuse = "case $* in *requirements-share.txt*) exit 1;; esac" if offline else ""
    python.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n{refuse}\n')
    python.chmod(0o755)

    def asked() -> list[str]:
        (tmp_path / "asked").write_text("")
        subprocess.run(["sh", "scripts/setup.sh", "share"], cwd=tmp_path, check=True, capture_output=True)
        return re.findall(r"install .*-r (\S+)", (tmp_path / "asked").read_text())

    assert asked() == ["requirements.txt", "requirements-share.txt"]
    assert asked() == (["requirements-share.txt"] if offline else [])


def test_a_shared_page_takes_pictures_only() -> None:
    """Strangers cannot add networks, so they need not send what is larger than a picture may be."""
    shown = {
        share: subprocess.run(
            ["make", "--dry-run", "run", f"SHARE={share}"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for share in ("", "0", "1")
    }
    assert f"--server.maxUploadSize {MAX_BYTES // 2**20}" in shown["1"]
    assert "maxUploadSize" not in shown[""] + shown["0"]
