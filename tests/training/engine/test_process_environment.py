"""What is freed is kept, where the C library can be asked to; oneDNN is on, unless the user says otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from training.engine.process_environment import ONEDNN, use_onednn

MEGABYTES, ROUNDS = 64, 10
# Pages that the system had to bring while the same piece of memory was taken and freed again and again.
SCRIPT = f"""
import resource, sys
from training.engine.process_environment import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    piece = b"x" * ({MEGABYTES} * 2**20)
    del piece
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / 2**20)
"""


def brought(how: str) -> float:
    """Megabytes."""
    return float(subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no mallopt")
def test_what_is_freed_is_used_again_and_not_fetched_anew() -> None:
    assert brought("kept") < 2 * MEGABYTES
    assert brought("left") > MEGABYTES * ROUNDS / 2


@pytest.mark.parametrize(("given", "then"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_the_user_says_otherwise(
    given: str | None, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ONEDNN, "anything")  # so that the test's end puts back what was there
    monkeypatch.delenv(ONEDNN) if given is None else monkeypatch.setenv(ONEDNN, given)
    use_onednn()
    assert os.environ[ONEDNN] == then


def test_the_training_command_is_prepared_before_tensorflow_starts() -> None:
    script = (
        "import os, runpy, sys; sys.argv = ['training', '--help']\n"
        "try: runpy.run_module('training', run_name='__main__')\n"
        "except SystemExit: print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'), 'tensorflow' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != ONEDNN}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.splitlines()[-1] == "1 False"
