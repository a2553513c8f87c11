"""Set up a training process before TensorFlow is imported."""

from __future__ import annotations

import os

from model.common.malloc import M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD, set_malloc

_NEVER = 2**31 - 1
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def prepare_process() -> None:
    """Make training steps fast; call it before TensorFlow is imported and starts its threads."""
    use_onednn()
    keep_memory()


def use_onednn() -> None:
    """Let oneDNN compute convolutions, unless the user has chosen otherwise.

    TensorFlow uses it by default only on processors with AVX-512 VNNI or better. On one with AVX2, `vgg3` trained on
    352 pictures a second with it and on 210 without, `small` on 197 and 122. Single pictures, as a server classifies
    them, are faster without: 12.9 ms against 15.7 with `best`. So this is for training only.
    """
    os.environ.setdefault(ONEDNN, "1")


def keep_memory() -> None:
    """Make glibc keep freed memory, in one heap.

    A training step frees hundreds of megabytes of activations. By default, glibc returns them to the system, which has
    to provide and clear them again in the next step: on a machine with two cores `fast` trained on 52 pictures a
    second, and on 105 with this.
    """
    set_malloc({M_TRIM_THRESHOLD: _NEVER, M_MMAP_MAX: 0, M_ARENA_MAX: 1})
