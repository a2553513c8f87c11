"""From the bytes of a picture file to upright RGB pixels.

Everything that knows image formats is here.
"""

__all__ = ["decoder", "image_files", "picture_bytes", "samples", "thumbnails"]
