"""The command `vitrine`: the page, the classifier, the training and the API in one.

It imports only what the command that was given needs.
"""

__all__ = ["cli", "page"]
