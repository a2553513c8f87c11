"""Run folders: written by a training process, read while it is still running; and the processes themselves.

The shipped runs are stored here too.
"""

__all__ = [
    "background_runs",
    "changes",
    "data_provenance",
    "history",
    "process",
    "run",
    "run_files",
    "run_options",
    "series",
    "study",
    "sweep",
    "sweep_report",
]
