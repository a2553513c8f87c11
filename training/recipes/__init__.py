"""Recipes: all values of a training run with their bounds, and the TOML files with them.

The shipped recipes are here too.
"""

__all__ = ["phases", "recipe", "recipe_file", "search_space"]
