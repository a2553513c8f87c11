"""Teach a network one's own classes: a frozen network's features, a head on them, and a report on both.

The pictures come from `training.projects`; what is taught can be kept as a bundle.
"""

__all__ = [
    "advice",
    "answers",
    "backbone",
    "bundle",
    "correction",
    "features",
    "kept",
    "learn",
    "report",
    "strangers",
    "teach",
    "versions",
]
