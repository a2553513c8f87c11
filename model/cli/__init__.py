"""python -m model: a module a command, each a thin caller of the rooms.

Options, printed lines and exit statuses live here.
"""

__all__ = ["backbone", "history", "known", "main", "models", "quantize"]
