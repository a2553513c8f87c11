"""A network loaded once, and asked from any thread: arrays in, predictions out.

The Keras and the int8 engine differ in here and nowhere else.
"""

__all__ = ["classifier", "http_client", "layer_table", "pool", "prediction", "shared_batches", "unknown"]
