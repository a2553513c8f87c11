"""The training itself: data, augmentation, optimizer, loop, callbacks, calibration, export.

All that needs Keras to train is here; pages never import it.
"""

__all__ = ["batches", "calibration", "fit", "launch", "optimizer", "process_environment", "training_loop"]
