"""Explain a prediction: saliency maps, nearest training pictures, robustness.

The results are arrays and numbers; others draw them.
"""

__all__ = ["feature_index", "nearest_neighbors", "robustness", "saliency"]
