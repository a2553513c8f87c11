"""The same network behind what others serve pictures with, beside Vitrine: pages in a browser, servers under load.

They run in an environment of their own, which scripts/peers.sh makes, and take of Vitrine its bundle's files alone.
"""

__all__: list[str] = []
