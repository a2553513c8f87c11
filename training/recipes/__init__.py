"""A recipe: every value of a training run, with its bounds; and the TOML files that hold them.

The recipes that ship lie here too.
"""

__all__ = ["phases", "recipe", "recipe_file"]
