"""How good a network is on labelled pictures: numbers only.

Charts and sentences about them are the dashboard's.
"""

__all__ = ["metrics", "paired_test", "scores", "test_set_predictions"]
