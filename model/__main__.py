"""python -m model predict | add | list | show | export | remove | rename | default | history"""

from __future__ import annotations

import model.historycli
import model.storecli  # noqa: F401  (both add their commands)
from model.cli import app

if __name__ == "__main__":
    app(prog_name="python -m model")
