"""The one place that imports Keras: late, once, and only when it is needed."""

from __future__ import annotations

import atexit
import gc
import re
import sys
import threading
import warnings
from contextlib import suppress
from importlib import import_module

from model.common.extras import require
from model.common.stderr_filter import quiet

# Environment variables that hide every GPU from Keras, whatever its backend.
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
# Keras traverses a network recursively with two calls per layer: the deepest of keras.applications needs 4,200, and
# Python's default is 1,000. The parsers of Python are subject to this limit too, and have stack for far more.
_RECURSION_LIMIT = 6000
_OUTDATED_FILTER = ("ignore", None, UserWarning, re.compile(r"keras\."), 0)  # an entry of `warnings.filters`
_importing, _imported = threading.Lock(), threading.Event()


def import_keras() -> None:
    """Import Keras and its backend once, without their start-up messages.

    Call it before any `import keras`. The first call takes seconds; only threads that need Keras wait for it.

    Raises:
        NotInstalled: Keras is not installed.
    """
    if _imported.is_set():
        return
    require("keras")
    with _importing:
        if not _imported.is_set():
            with quiet():
                keras = import_module("keras")
                with suppress(AttributeError):  # not every backend can list devices
                    keras.distribution.list_devices()
            _let_process_end()
            sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
            freeze_imports()
            _imported.set()


def _let_process_end() -> None:
    """Take h5py's lock when the process ends, for good.

    A thread that reads a network's file at that moment is stopped for ever, with the lock if it has it, and the process
    would wait for it while it frees the file's objects.
    """
    import h5py

    atexit.register(h5py._objects.phil.acquire)


def freeze_imports() -> None:
    """Exclude all current objects from garbage collection; call it after importing large modules.

    Streamlit runs the garbage collector after every script run, and it would go through TensorFlow's 350,000 objects
    each time. Networks are not frozen: they add only a thirtieth to that, and they must be freed when the pool replaces
    them.
    """
    gc.collect()
    gc.freeze()


def ignore_outdated_arguments() -> None:
    """Silence Keras's warnings about arguments of older versions, for the whole process.

    `warnings.catch_warnings` is not thread-safe: it would undo what other threads have set in the meantime.
    """
    if _OUTDATED_FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"keras\.")
