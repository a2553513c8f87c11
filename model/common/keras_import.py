"""Keras is imported late, once, and only by those who need it."""

from __future__ import annotations

import gc
import re
import sys
import threading
import warnings
from contextlib import suppress
from importlib import import_module

from model.common.extras import require
from model.common.stderr_filter import quiet

# The environment in which Keras finds no GPU, whatever its maker or backend.
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
# Keras walks through a network by recursion, two calls a layer: the deepest of keras.applications needs 4,200 of them,
# where Python allows 1,000. Python's own parsers count in this too, and have stack for far more.
CALLS = 6000
OUTDATED = ("ignore", None, UserWarning, re.compile(r"keras\."), 0)  # as `warnings.filters` holds them
_importing, _imported = threading.Lock(), threading.Event()


def import_keras() -> None:
    """Import Keras and what it computes with, once, and use the device once, with their notes dropped.

    Whoever may be the first to need Keras calls this before importing it. It takes seconds, for which only those
    who need Keras wait. Raises NotInstalled.
    """
    if _imported.is_set():
        return
    require("keras")
    with _importing:
        if not _imported.is_set():
            with quiet():
                keras = import_module("keras")
                with suppress(AttributeError):  # not every backend has a list
                    keras.distribution.list_devices()
            sys.setrecursionlimit(max(sys.getrecursionlimit(), CALLS))
            freeze_imports()
            _imported.set()


def freeze_imports() -> None:
    """Take what is there now out of garbage collection; call it when modules have been imported that stay for good.

    Streamlit collects garbage after every run of a page, and would search TensorFlow's 350,000 objects each time. A
    network is not frozen: it adds a thirtieth to them, and the collector has to free it when it makes room for another.
    """
    gc.collect()
    gc.freeze()


def ignore_outdated() -> None:
    """Let Keras say nothing of arguments that older versions had.

    For good: `warnings.catch_warnings` puts back what other threads have set meanwhile.
    """
    if OUTDATED not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"keras\.")
