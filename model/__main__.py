"""The command line `python -m model`: predict, add, list, show, export, remove, history, quantize and more."""

from __future__ import annotations

import model.cli.history
import model.cli.models  # noqa: F401  (both add their commands)
from model.cli.backbone import backbone
from model.cli.batch import batch
from model.cli.known import known
from model.cli.main import app
from model.cli.quantize import quantize
from model.cli.sets import sets

app.command()(quantize)
app.command()(known)
app.command()(sets)
app.command()(backbone)
app.command()(batch)

if __name__ == "__main__":
    app(prog_name="python -m model")
