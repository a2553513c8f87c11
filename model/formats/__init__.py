"""Files that strangers made, read as data: .keras, .h5, SavedModel, .tflite, PyTorch's checkpoints.

Nothing in them is run; what is not on the allowlist is refused.
"""

__all__ = [
    "allowlist",
    "class_output",
    "keras2",
    "keras_files",
    "tflite_operations",
    "torch_checkpoint",
    "unsupported_formats",
]
