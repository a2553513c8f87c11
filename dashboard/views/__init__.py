"""The pages: a file for each, to be read from top to bottom.

`dashboard/main.py` lists them in the navigation.
"""

__all__ = ["classify", "compare", "evaluation", "gallery", "history", "models", "training"]
