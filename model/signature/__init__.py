"""What goes into a network and what comes out: shapes, the scaling of pixels, the meaning of outputs.

Cards name these, and all code that builds or runs networks follows them.
"""

__all__ = ["imagenet", "outputs", "rows", "scaling", "shapes"]
