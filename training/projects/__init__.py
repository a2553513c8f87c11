"""Projects of the page Teach: pictures with their classes, stored as they come; every change can be undone.

Nothing here knows a network; `training.teach` learns from what is kept.
"""

__all__ = ["archive", "pictures", "project", "schema", "shelf"]
