"""From the bytes of a picture's file to upright RGB pixels, whatever is in the file.

All that knows image formats is here.
"""

__all__ = ["decoder", "image_files", "samples", "thumbnails"]
