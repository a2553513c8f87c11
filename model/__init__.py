"""The classifier: picture bytes in, predictions out."""

import os

# TensorFlow's notes on start-up are not for users; it reads this when it is first imported. Errors still raise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
