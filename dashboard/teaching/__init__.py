"""The page Teach: its parts, the projects that pages have open beyond one run, and the routes of the browser.

A page and its browser meet here: the page draws what the browser has changed through a route.
"""

__all__ = ["desks", "projects", "report", "routes"]
