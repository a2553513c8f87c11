"""Answers that were given, where the user wants them kept, and the feedback on them.

Feedback becomes a folder of pictures to learn from.
"""

__all__ = ["feedback", "prediction_log"]
