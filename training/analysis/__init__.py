"""What the curves and figures of runs say: trends, diagnosis, ablations.

Sentences that claim no more than the numbers show.
"""

__all__ = ["ablation_report", "diagnosis"]
