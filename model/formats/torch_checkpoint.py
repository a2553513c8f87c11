"""Read a checkpoint of PyTorch before 1.6 as arrays, without PyTorch and without running code in it.

Such a file holds five pickles in a row: a magic number, the version of the format, the machine that wrote it, the
dictionary of tensors, and the names of their storages. The values of each storage follow.
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
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}


class CheckpointError(VitrineError, ValueError):
    """A file without readable arrays; the message is the reason, to follow the name of the file."""


@dataclass(frozen=True)
class _Storage:
    """Where a tensor's values are: the storage's name in the file, and their dtype."""

    key: str
    dtype: str


@dataclass(frozen=True)
class _Tensor:
    """A tensor as the dictionary describes it; offset and strides count values, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_others: Any
) -> _Tensor:
    """Stand in for torch._utils._rebuild_tensor_v2; hooks and gradients are dropped."""
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles dictionaries of tensors; any other name in the file is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed class; raise UnpicklingError for any other."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a persistent ID stands for."""
        kind, dtype, key, _device, _length, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("it shares storages")
        return _Storage(key, dtype)


def read_checkpoint(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the arrays of a state dictionary by name.

    Raises:
        CheckpointError: The file is no such checkpoint, or it is damaged.
    """
    try:
        if _TensorUnpickler(file).load() != MAGIC or _TensorUnpickler(file).load() != VERSION:
            raise CheckpointError(_("it is no PyTorch checkpoint of before version 1.6"))
        if not _TensorUnpickler(file).load()["little_endian"]:
            raise CheckpointError(_("it was written on a machine of another byte order"))
        tensors: dict[str, _Tensor] = _TensorUnpickler(file).load()
        storages = _read_storages(file, {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()})
        return {name: _to_array(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except CheckpointError:
        raise
    except Exception as error:  # pickle raises nearly anything on malicious files
        raise CheckpointError(_("it cannot be read as a PyTorch checkpoint: {error}").format(error=error)) from error


def _read_storages(file: BinaryIO, dtypes: dict[str, str]) -> dict[str, np.ndarray]:
    """Read the values of each storage, one-dimensional; raise CheckpointError if the file is cut off or too long."""
    storages: dict[str, np.ndarray] = {}
    for key in _TensorUnpickler(file).load():
        (length,) = struct.unpack("<q", file.read(8))
        dtype = np.dtype(dtypes[key])
        content = file.read(length * dtype.itemsize) if length >= 0 else b""
        if len(content) != length * dtype.itemsize:
            raise CheckpointError(_("it is cut off"))
        storages[key] = np.frombuffer(content, dtype)
    if file.read(1):
        raise CheckpointError(_("it goes on behind its last array"))
    return storages


def _to_array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Copy a tensor's values out of its storage; raise CheckpointError if it reaches outside."""
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    whole = all(isinstance(number, int) and number >= 0 for number in (tensor.offset, *tensor.shape, *tensor.strides))
    if not whole or (0 not in tensor.shape and last >= len(storage)):
        raise CheckpointError(_("an array reaches outside its numbers"))
    strides = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False).copy()
