"""What every room stands on: errors, paths, files written whole, caches, processes of their own.

Nothing in here knows what a picture or a network is.
"""

__all__ = [
    "cache",
    "errors",
    "extras",
    "files",
    "keras_import",
    "malloc",
    "paths",
    "sandbox",
    "settings",
    "stderr_filter",
    "text",
]
