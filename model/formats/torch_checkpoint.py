"""A checkpoint of PyTorch before 1.6, read as arrays. PyTorch is not needed, and nothing in the file is run.

Such a file holds five pickles, one after the other: a magic number, the version of the format, what machine wrote it,
the dictionary of tensors, and the names of their storages. Then come the numbers of each storage.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}


class CheckpointError(VitrineError, ValueError):
    """A file that holds no arrays that can be read; the message is the end of a sentence about it."""


@dataclass(frozen=True)
class Storage:
    """Where a tensor's numbers are: the storage's name in the file, and the dtype of its numbers."""

    key: str
    dtype: str


@dataclass(frozen=True)
class Tensor:
    """A tensor as the dictionary describes it; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def rebuilt(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_others: Any) -> Tensor:
    """What the file calls torch._utils._rebuild_tensor_v2; hooks and gradients are left out."""
    return Tensor(storage, offset, tuple(shape), tuple(strides))


class ArraysOnly(pickle.Unpickler):
    """Unpickles dictionaries of tensors; any other name in the file is refused, not run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuilt
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _device, _length, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("it shares storages")
        return Storage(key, dtype)


def read_checkpoint(file: BinaryIO) -> dict[str, np.ndarray]:
    """The arrays of a state dictionary by their names. Raises CheckpointError."""
    try:
        if ArraysOnly(file).load() != MAGIC or ArraysOnly(file).load() != VERSION:
            raise CheckpointError(_("it is no PyTorch checkpoint of before version 1.6"))
        if not ArraysOnly(file).load()["little_endian"]:
            raise CheckpointError(_("it was written on a machine of another byte order"))
        tensors: dict[str, Tensor] = ArraysOnly(file).load()
        storages = read_storages(file, {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()})
        return {name: array_of(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except CheckpointError:
        raise
    except Exception as error:  # pickle raises nearly anything on hostile bytes
        raise CheckpointError(_("it cannot be read as a PyTorch checkpoint: {error}").format(error=error)) from error


def read_storages(file: BinaryIO, dtypes: dict[str, str]) -> dict[str, np.ndarray]:
    """The numbers of each storage, one-dimensional. Raises CheckpointError where the file ends elsewhere."""
    storages: dict[str, np.ndarray] = {}
    for key in ArraysOnly(file).load():
        (length,) = struct.unpack("<q", file.read(8))
        dtype = np.dtype(dtypes[key])
        content = file.read(length * dtype.itemsize) if length >= 0 else b""
        if len(content) != length * dtype.itemsize:
            raise CheckpointError(_("it is cut off"))
        storages[key] = np.frombuffer(content, dtype)
    if file.read(1):
        raise CheckpointError(_("it goes on behind its last array"))
    return storages


def array_of(tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    """A tensor's own copy of its numbers. Raises CheckpointError where it reaches outside its storage."""
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    whole = all(isinstance(number, int) and number >= 0 for number in (tensor.offset, *tensor.shape, *tensor.strides))
    if not whole or (0 not in tensor.shape and last >= len(storage)):
        raise CheckpointError(_("an array reaches outside its numbers"))
    strides = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False).copy()
