"""Read networks saved by Keras 2 as data, and translate them for Keras 3.

Nothing here imports Keras.
"""

__all__ = ["configuration", "savedmodel", "weights"]
