"""The root of all errors of this project, and those that more than one room raises."""

from __future__ import annotations


class VitrineError(Exception):
    """What went wrong, as a sentence for a person to read: it says what was given, and what would be right."""


class BundleError(VitrineError, ValueError):
    """A bundle that is missing or damaged; the message names it and what was expected."""


class UnknownModel(BundleError):
    """A name that no model has; the message lists those that there are."""


class StoreError(BundleError):
    """A name, a file or a database that the store cannot work with; the message says what would be right."""


class SettingError(VitrineError, ValueError):
    """A setting that cannot be used; the message says what would be right."""


class NotAllowed(VitrineError, ValueError):
    """A description that names something which is not one of Keras's calculating parts, or is beyond the limits."""
