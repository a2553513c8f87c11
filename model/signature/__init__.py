"""What goes into a network and what comes out: shapes, the scaling of pixels, the meaning of outputs.

Cards name these; whoever runs or builds a network follows them.
"""

__all__ = ["imagenet", "outputs", "rows", "scaling", "shapes"]
