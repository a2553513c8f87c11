"""The classifier: picture bytes in, predictions out."""
