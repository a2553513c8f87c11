"""python -m training fit | evaluate | recipes | runs"""

from __future__ import annotations

from training.cli import app
from training.prepare import prepare_process

if __name__ == "__main__":
    prepare_process()
    app(prog_name="python -m training")
