"""Data URLs of pictures."""

from __future__ import annotations

from base64 import b64encode


def data_url(content: bytes) -> str:
    """Return the data URL of a PNG or JPEG."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
