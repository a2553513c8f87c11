"""The root of all errors of this project, and the errors that several rooms raise."""

from __future__ import annotations


class VitrineError(Exception):
    """An error whose message is written for users: it says what was wrong and what would be right."""


class BundleError(VitrineError, ValueError):
    """A bundle is missing or damaged; the message names it and says what was expected."""


class UnknownModel(BundleError):
    """No model has this name; the message lists the models there are."""


class StoreError(BundleError):
    """The store cannot use a name, a file or its database; the message says what would be right."""


class SettingError(VitrineError, ValueError):
    """A setting has an invalid value; the message lists the valid ones."""


class UnsafeModelError(VitrineError, ValueError):
    """A model file uses something that is not on the allowlist, or exceeds a limit.

    The message is the reason alone, such as `it has a Lambda layer`, so that it can follow the name of the file.
    """
