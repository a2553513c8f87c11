"""Add an untrusted model file to the store: inspect it in a sandbox, find its pixel scaling, name its classes.

A new way in which files say what they want for a pixel goes here.
"""

__all__ = ["add_model"]
