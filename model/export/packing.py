"""Write a .tflite file that stores equal vectors once."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

_FILE_IDENTIFIER = b"TFL3"


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A FlatBuffers builder that writes a vector once, however often it is asked to.

    Offsets in a FlatBuffer may point to the same place (https://flatbuffers.dev/internals). A layer quantized by
    channel has a zero point for each channel, 8 bytes long and always 0, so layers of one width can share theirs.
    """

    def __init__(self) -> None:
        super().__init__(1024)  # it grows when needed
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """Return the offset of a vector with these numbers."""
        key = x.dtype.str, x.tobytes()
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


def pack(model: Any) -> bytes:
    """Return the .tflite file of a model, a `ModelT` of TensorFlow Lite's schema."""
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())
