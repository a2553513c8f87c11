"""The foundation of every room: errors, paths, atomic file writes, caches, sandboxed processes.

Nothing here knows what a picture or a network is.
"""

__all__ = [
    "cache",
    "cores",
    "errors",
    "extras",
    "files",
    "keras_import",
    "malloc",
    "paths",
    "ray_cluster",
    "sandbox",
    "settings",
    "stderr_filter",
    "text",
    "zip_listing",
]
