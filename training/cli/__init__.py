"""python -m training: the commands fit, evaluate, recipes and runs.

Options, printed lines and exit statuses live here.
"""

__all__ = ["main"]
