"""python -m training: the commands fit, ablate, sweep, evaluate, recipes, runs, teach and projects.

Options, printed lines and exit statuses are here.
"""

__all__ = ["main", "sweep", "teach"]
