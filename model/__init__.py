"""The core: picture bytes in, predictions out.

Pages, HTTP routes and command lines are thin callers of it; it knows none of them.
"""
