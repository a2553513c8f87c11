"""python -m model predict | add | list | show | export | remove | rename | default | history | quantize | known …"""

from __future__ import annotations

import model.cli.history
import model.cli.models  # noqa: F401  (both add their commands)
from model.cli.backbone import backbone
from model.cli.known import known
from model.cli.main import app
from model.cli.quantize import quantize

app.command()(quantize)
app.command()(known)
app.command()(backbone)

if __name__ == "__main__":
    app(prog_name="python -m model")
