"""What the curves and metrics of runs show: trends, a diagnosis, the effect of each value in an ablation.

The sentences claim no more than the numbers show.
"""

__all__ = ["ablation_report", "diagnosis"]
