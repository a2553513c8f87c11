"""What the audit of packages says, with a made-up pip-audit in the place of the real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.servers import ROOT

FOUND = """while [ "$1" != --output ]; do shift; done
echo '| pillow | 1.0 | CVE-1 |' > "$2"
exit 1"""


@pytest.mark.parametrize(
    ("pip_audit", "said"),
    [
        ("exit 0", "no known vulnerability"),
        (FOUND, "KNOWN VULNERABILITIES\n| pillow | 1.0 | CVE-1 |"),
        ("echo 'no route to the index' >&2; exit 1", "NOT AUDITED, the index gave no answer within 180 s: no route"),
    ],
)
def test_an_audit_says_what_it_found_or_that_it_found_out_nothing(tmp_path: Path, pip_audit: str, said: str) -> None:
    for folder in ("scripts", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts" / "audit.sh", tmp_path / "scripts")
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f"#!/bin/sh\n{pip_audit}\n")
    python.chmod(0o755)
    assert said in subprocess.run([script], capture_output=True, text=True, check=True).stdout
