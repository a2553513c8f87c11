"""python -m training fit | evaluate | recipes | runs"""

from __future__ import annotations

from training.cli import app
from training.memory import keep_memory

if __name__ == "__main__":
    keep_memory()
    app(prog_name="python -m training")
