from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from model.formats.torch_checkpoint import MAGIC, VERSION, CheckpointError, read_checkpoint

ARRAYS = {"conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "bn.count": np.array(7, np.int64)}


class FloatStorage:
    """What PyTorch's pickles name for the kind of a storage."""


class LongStorage(FloatStorage):
    pass


class Tensor:
    """Pickles like a tensor of PyTorch: by the name of a function, a storage, an offset, a shape and strides."""

    def __init__(self, key: str, array: np.ndarray, offset: int = 0) -> None:
        self.key, self.array, self.offset = key, array, offset

    def __reduce__(self) -> tuple[Any, ...]:
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        return (
            sys.modules["torch._utils"]._rebuild_tensor_v2,
            (self, self.offset, self.array.shape, strides, False, OrderedDict()),
        )


class Pickler(pickle.Pickler):
    inside: Any = None

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return None
        if self.inside is not value:  # first the tensor itself, then the storage that it names
            self.inside = value
            return None
        kind = LongStorage if value.array.dtype == np.int64 else FloatStorage
        return "storage", kind, value.key, "cpu", value.array.size, None


def written(tensors: dict[str, Any], protocol: int = 2) -> bytes:
    """A state dictionary as PyTorch 1.5 wrote it."""
    file = io.BytesIO()
    for value in (MAGIC, VERSION, {"little_endian": True}):
        pickle.dump(value, file, protocol)
    Pickler(file, protocol).dump(OrderedDict(tensors))
    pickle.dump([tensor.key for tensor in tensors.values() if isinstance(tensor, Tensor)], file, protocol)
    for tensor in tensors.values():
        if isinstance(tensor, Tensor):
            file.write(struct.pack("<q", tensor.array.size) + tensor.array.tobytes())
    return file.getvalue()


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules that the pickles name exist while they are written, and are not asked while they are read."""

    def _rebuild_tensor_v2(*arguments: Any) -> None:
        raise AssertionError("the file's function was called")

    package, utils = ModuleType("torch"), ModuleType("torch._utils")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for kind in (FloatStorage, LongStorage):
        monkeypatch.setattr(kind, "__module__", "torch")
        setattr(package, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def tensors() -> dict[str, Any]:
    return {name: Tensor(str(place), array) for place, (name, array) in enumerate(ARRAYS.items())}


def test_arrays_come_back_as_they_were_written() -> None:
    found = read_checkpoint(io.BytesIO(written(tensors())))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_an_array_keeps_its_strides() -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = Tensor("0", turned)
    tensor.array = np.lib.stride_tricks.as_strided(turned, (3, 2), (4, 12))
    content = written({"turned": tensor})
    # What is written of a view is its numbers in the storage's order.
    content = content[: -turned.nbytes] + turned.tobytes()
    np.testing.assert_array_equal(read_checkpoint(io.BytesIO(content))["turned"], turned.T)


def test_nothing_of_the_file_is_run(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "ran"),))

    with pytest.raises(CheckpointError, match=r"it wants to run \w+\.mkdir"):
        read_checkpoint(io.BytesIO(written({"harm": Harmful()})))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (pickle.dumps(3), "no PyTorch checkpoint"),
        (b"PK\x03\x04" + bytes(60), "cannot be read"),
    ],
)
def test_another_file_is_a_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        read_checkpoint(io.BytesIO(content))


def test_a_file_that_was_cut_or_goes_on_is_a_sentence() -> None:
    whole = written(tensors())
    with pytest.raises(CheckpointError, match="cut off"):
        read_checkpoint(io.BytesIO(whole[:-1]))
    with pytest.raises(CheckpointError, match="goes on"):
        read_checkpoint(io.BytesIO(whole + b"x"))


def test_an_array_outside_its_numbers_is_a_sentence() -> None:
    tensor = Tensor("0", ARRAYS["conv.weight"], offset=1)
    with pytest.raises(CheckpointError, match="reaches outside"):
        read_checkpoint(io.BytesIO(written({"late": tensor})))
