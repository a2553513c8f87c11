"""Record which data a run is trained on, so that it is resumed with the same pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from model.datasets.class_matching import normalize_name
from model.datasets.resized import own_images
from model.datasets.splits import Dataset, draw_images, split_fingerprint
from model.i18n.translations import gettext as _
from training.runs.run_files import RunError, read_json, write_json

DATA = "data.json"
_MAX_CLASSES_SHOWN = 4  # classes that a sentence names
_COMPARED = 2000  # pictures of a split; these are a second's work at any size, and splits drawn anew differ in them too


@dataclass(frozen=True)
class RunContext:
    """The absolute paths of the data ("" for downloaded CIFAR-10) and of the class names ("" for none)."""

    data: str = ""
    category_names: str = ""


def read_context(folder: Path) -> RunContext | None:
    """Return what a run was started with; None if it does not say."""
    known = read_json(folder / DATA)
    data, names = known.get("data"), known.get("category_names")
    return RunContext(data, names) if isinstance(data, str) and isinstance(names, str) else None


def write_context(folder: Path, origin: RunContext) -> None:
    """Record what a run will be trained on, before the data is read."""
    write_json(folder / DATA, asdict(origin))


def record_data(folder: Path, origin: RunContext, dataset: Dataset, resume: bool) -> None:
    """Record the data of a run; raise RunError if it is resumed with other pictures."""
    now: dict[str, object] = {
        "classes": list(dataset.classes),
        "training": len(dataset.train),
        "validation": len(dataset.validation),
    }
    broken = _broken_digest(dataset)
    known = read_json(folder / DATA)
    before = {name: known[name] for name in now if name in known}
    if isinstance(before.get("classes"), list):  # earlier versions kept a Mac's names as they were
        before["classes"] = [normalize_name(str(name)) for name in before["classes"]]
    if resume and before.keys() == now.keys() and before != now:
        raise RunError(
            _(
                "the run {name!r} was begun with {before}, and these are {now}; name its own pictures with --data"
            ).format(name=folder.name, before=_describe_data(before), now=_describe_data(now))
        )
    if resume and before.keys() == now.keys() and known.get("left_out", "") != broken:
        raise RunError(
            _(
                "the run {name!r} was begun while other pictures could not be read, so its splits would be others now; "
                "put those files back as they were, or begin a new run"
            ).format(name=folder.name)
        )
    held_out, kept = _describe_held_out(dataset), known.get("held_out")
    # At another input size the same pictures have other pixels, so nothing is known about them.
    comparable = isinstance(kept, dict) and kept.get("shape") == held_out["shape"]
    if resume and comparable and kept != held_out:
        raise RunError(
            _(
                "the run {name!r} was begun with other validation or test pictures, and may have learnt from these; "
                "put its pictures back as they were, leave data.seed as it was, or begin a new run"
            ).format(name=folder.name)
        )
    write_json(folder / DATA, asdict(origin) | now | {"held_out": held_out} | ({"left_out": broken} if broken else {}))


def _describe_held_out(dataset: Dataset) -> dict[str, object]:
    """Return the shape of the pictures, and what changes with those that are not learnt from and their labels."""
    splits = {"validation": dataset.validation, "test": dataset.test}
    return {"shape": list(own_images(dataset.train.images).shape[1:])} | {
        name: split_fingerprint(replace(split, images=draw_images(own_images(split.images), _COMPARED)))
        for name, split in splits.items()
    }


def _broken_digest(dataset: Dataset) -> str:
    """Changes with the pictures that were left out, as the splits are drawn from the others; empty for none."""
    names = sorted(str(Path(*one.path.parts[-2:])) for one in dataset.broken)
    return hashlib.sha256(os.fsencode("\n".join(names))).hexdigest()[:16] if names else ""


def _describe_data(found: Mapping[str, object]) -> str:
    names = found["classes"] if isinstance(found["classes"], list) else []
    listed = ", ".join(str(name) for name in names[:_MAX_CLASSES_SHOWN]) + (
        ", …" if len(names) > _MAX_CLASSES_SHOWN else ""
    )
    return _("{training} training and {validation} validation pictures of {classes}").format(
        training=found["training"], validation=found["validation"], classes=listed
    )
