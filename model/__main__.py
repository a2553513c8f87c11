"""python -m model predict | add | list | show | export | remove | rename | default"""

from __future__ import annotations

import model.storecli  # noqa: F401  (adds its commands)
from model.cli import app

if __name__ == "__main__":
    app(prog_name="python -m model")
