"""The pictures that a network's training held out: drawn again as the training drew them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.common.paths import home
from model.datasets.cifar10 import cifar10_folder
from model.datasets.image_folder import split_folders
from model.datasets.loader import check_source, load_dataset
from model.datasets.splits import Dataset
from model.i18n.translations import gettext as _
from model.signature.shapes import PictureSize

_USUAL = {"validation": 0.1, "test": 0.1, "seed": 0}  # of a recipe
_FOLDERS = {"validation": "val", "test": "test"}


def load_as_trained(
    name: str,
    source: Path,
    size: PictureSize,
    validation: float | None,
    log: Callable[[str], object],
    split: str = "validation",
) -> Dataset:
    """Load a data set in the splits that a network was trained with.

    Splits that the data lacks are drawn as the recipe of the run of this name says. Where there is none, because the
    network was made elsewhere, nobody knows which pictures it has not seen: `log` is told.

    Args:
        name: The network's.
        source: The data folder.
        size: What the network takes.
        validation: The share that the training held back; None for what its recipe says, else a tenth.
        log: Called with a sentence.
        split: The split whose pictures the network must not have learnt from, `validation` or `test`.

    Raises:
        DataError: The data is missing or cannot be used.
    """
    check_source(source)
    draw = _read_draw(name)
    apart = split in split_folders(source) or (split == "test" and cifar10_folder(source))
    if not draw and not apart:
        log(
            _(
                "{network} has no run here that says which pictures its training held out. Those drawn now may be some "
                "that it was trained on; then what is found flatters it. A folder {folder}/ in the data avoids that."
            ).format(network=name, folder=_FOLDERS[split])
        )
    chosen = _USUAL | draw | ({} if validation is None else {"validation": validation})
    return load_dataset(source, size, **chosen)


def _read_draw(name: str) -> dict[str, Any]:
    """Return how a run's recipe splits its data; empty without a run of this name."""
    try:
        data = tomllib.loads((home() / "runs" / name / "recipe.toml").read_text("utf-8")).get("data", {})
    except (OSError, ValueError):
        return {}
    return {key: data.get(key, usual) for key, usual in _USUAL.items()}
