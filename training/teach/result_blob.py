"""Arrays and JSON in one blob, as a project's results keep them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.projects.project import Project
from training.teach.backbone import Backbone

_ABOUT, _BACKBONE = "about", "backbone"


def encode_result(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], backbone: Backbone) -> bytes:
    """Write what was made with a backbone's features as a blob.

    Args:
        about: What JSON can hold.
        arrays: By their names.
        backbone: The network whose features they are for.
    """
    buffer = io.BytesIO()
    text = json.dumps({**about, _BACKBONE: backbone.key}).encode()
    everything: dict[str, Any] = {_ABOUT: np.frombuffer(text, np.uint8), **arrays}
    np.savez(buffer, **everything)
    return buffer.getvalue()


def read_result(project: Project, backbone: Backbone, key: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Read a blob from a project's results.

    Returns:
        Its JSON and its arrays by name; None if there is none under this key, none for this backbone, or it is damaged.
    """
    with project.opened() as connection:
        found = connection.execute("SELECT content FROM results WHERE key = ?", (key,)).fetchone()
    if found is None:
        return None
    try:
        with np.load(io.BytesIO(found[0]), allow_pickle=False) as blob:
            arrays = dict(blob)
        about = json.loads(arrays.pop(_ABOUT).tobytes())
        return (about, arrays) if about[_BACKBONE] == backbone.key else None
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
