"""Saved answers, if the user wants them saved, and the feedback on them.

Pictures with feedback can be downloaded as training data.
"""

__all__ = ["feedback", "prediction_log"]
