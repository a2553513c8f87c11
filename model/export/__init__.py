"""Export networks as other files: int8, .tflite, .keras, .h5; and fit what recognizes unknown pictures.

Conversions run in processes of their own.
"""

__all__ = ["conversion", "feature_output", "known", "quantization", "sets"]
