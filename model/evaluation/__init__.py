"""Measure how good a network is on labelled pictures; numbers only.

The dashboard makes charts and sentences of them.
"""

__all__ = ["conformal", "metrics", "paired_test", "scores", "separation", "strangers", "test_set_predictions"]
