"""Run folders: what a training writes while it goes on, read by whoever looks, and the processes that write.

The runs that ship lie here too.
"""

__all__ = ["background_runs", "changes", "data_provenance", "history", "process", "run", "run_files", "series"]
