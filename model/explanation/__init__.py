"""Why an answer is what it is: saliency maps, nearest training pictures, robustness.

Arrays and numbers, which others draw.
"""

__all__ = ["feature_index", "nearest_neighbors", "robustness", "saliency"]
