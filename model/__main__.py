"""python -m model predict | add | list | show | export | remove | rename | default | history | quantize | backbone"""

from __future__ import annotations

import model.historycli
import model.storecli  # noqa: F401  (both add their commands)
from model.backbonecli import backbone
from model.cli import app
from model.quantizecli import quantize

app.command()(quantize)
app.command()(backbone)

if __name__ == "__main__":
    app(prog_name="python -m model")
