"""The command line `python -m training`: fit, ablate, sweep, evaluate, recipes, runs, teach and projects."""

from __future__ import annotations

from training.cli.main import app
from training.engine.process_environment import prepare_process

if __name__ == "__main__":
    prepare_process()
    app(prog_name="python -m training")
