"""A network as a file of another kind: int8, .tflite, .keras, .h5.

Each is made in a process of its own.
"""

__all__ = ["conversion", "known", "quantization"]
