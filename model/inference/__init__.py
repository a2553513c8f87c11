"""Run networks: loaded once, called from any thread, images in, predictions out.

Nothing outside this room depends on whether the engine is Keras or int8.
"""

__all__ = [
    "answer_table",
    "classifier",
    "http_client",
    "layer_table",
    "lite",
    "many",
    "parallel",
    "pool",
    "prediction",
    "prediction_sets",
    "shared_batches",
    "unknown",
]
