"""The training itself: data, augmentation, optimizer, loop, callbacks, calibration, export.

All code that trains with Keras is here; pages never import it.
"""

__all__ = [
    "batches",
    "calibration",
    "export",
    "fit",
    "launch",
    "optimizer",
    "process_environment",
    "ray_runs",
    "training_loop",
]
