"""The classifier over HTTP: requests in, JSON out.

It serves alone, or inside the dashboard's server.
"""

__all__ = ["addresses", "app", "headers", "problems", "process", "settings"]
