"""How fast it all is: each file is a program that prints what it measured.

Servers and browsers in here are the tests' and the screenshots' as well.
"""

__all__ = ["browser", "latency", "load", "machine", "page", "plot", "servers", "training"]
