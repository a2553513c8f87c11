"""The command line `python -m model`: each command only calls other rooms.

Options, printed lines and exit statuses are here.
"""

__all__ = ["backbone", "batch", "history", "known", "main", "models", "quantize", "sets"]
