"""The architectures that can be built, and networks that others trained.

A new architecture is a file here and a line in `architectures`.
"""

__all__ = ["airbench", "architectures", "backbones", "flops", "imagenet_kinds", "pretrained"]
