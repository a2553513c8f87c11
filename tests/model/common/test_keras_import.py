from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.servers import ROOT


def test_a_process_ends_while_a_thread_reads_a_network(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import threading, time\n"
        "from model.common.keras_import import import_keras\n"
        "import_keras()\n"
        "import h5py\n"
        "kept = []\n"
        "def read():\n"
        "    with h5py._objects.phil:\n"
        "        started.set()\n"
        "        time.sleep(1)\n"
        "    while True:\n"
        "        with h5py._objects.phil:\n"
        "            time.sleep(0.5)\n"
        "with h5py.File('a.h5', 'w') as file:\n"
        "    file['a'] = [1.0]\n"
        "kept.append(h5py.File('a.h5'))\n"
        "started = threading.Event()\n"
        "threading.Thread(target=read, daemon=True).start()\n"
        "started.wait()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(program)], cwd=tmp_path, env=environment, check=True, timeout=120)
