"""The foundation of every room: errors, paths, atomic file writes, caches, sandboxed processes.

Nothing here knows what a picture or a network is.
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
