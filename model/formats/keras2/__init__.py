"""Networks that Keras 2 saved, read as data and put into the words of Keras 3.

None of it imports Keras.
"""

__all__ = ["configuration", "savedmodel", "weights"]
