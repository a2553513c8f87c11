"""A model file from outside: looked over in a process of its own, understood, and stored.

How it wants its pixels is read in the file, tried out, or guessed.
"""

__all__ = ["add_model"]
