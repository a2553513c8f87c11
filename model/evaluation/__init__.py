"""Measure how good a network is on labelled pictures; numbers only.

The dashboard makes charts and sentences of them.
"""

__all__ = ["metrics", "paired_test", "scores", "separation", "test_set_predictions"]
