"""Read untrusted model files as data: .keras, .h5, SavedModel, .tflite, PyTorch checkpoints.

No code in them is run, and anything that is not on the allowlist is refused.
"""

__all__ = [
    "allowlist",
    "class_output",
    "graph",
    "keras2",
    "keras_files",
    "tflite_operations",
    "torch_checkpoint",
    "unsupported_formats",
]
