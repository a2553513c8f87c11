"""The classifier over HTTP: requests in, JSON out.

It runs as a server of its own, or inside the dashboard's server.
"""

__all__ = ["addresses", "app", "headers", "problems", "process"]
