"""The names of classes, from a command line or a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.language import gettext as _

MAX_BYTES = 4 * 2**20
MAX_LENGTH = 200


class NamesError(ValueError):
    """Names that cannot be used; the message says why and what would be right."""


def read_names(path: Path) -> list[str] | dict[str, str]:
    """A JSON file with a list of names, or an object from a class's label or number to its name. Raises NamesError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NamesError(
                _("{path} has more than {limit} MB; that is no list of names").format(
                    path=path, limit=MAX_BYTES // 2**20
                )
            )
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NamesError(_("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)) from None
    except (ValueError, RecursionError):
        raise NamesError(_("{path} is no JSON file").format(path=path)) from None
    if isinstance(content, list):
        return [check(name, path) for name in content]
    if isinstance(content, dict):
        return {key: check(name, path) for key, name in content.items()}
    raise NamesError(
        _('{path} should hold a list of names, or an object such as {{"0": "cat", "1": "dog"}}').format(path=path)
    )


def check(name: Any, path: Path | str) -> str:
    """A name that can be shown. Raises NamesError."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_LENGTH or not name.isprintable():
        raise NamesError(_("{path}: {name!r} cannot be the name of a class").format(path=path, name=str(name)[:40]))
    return name.strip()


def rename_classes(classes: Sequence[str], names: list[str] | dict[str, str]) -> tuple[str, ...]:
    """The classes with other names: by position in a list, else by label or by number. Raises NamesError.

    Numbers count from 0; from 1 where the file has a name for every number from 1 to the number of classes and none
    for 0. A class without an entry keeps its label.
    """
    if isinstance(names, list):
        if len(names) != len(classes):
            raise NamesError(
                _("there are {count} names for {classes} classes").format(count=len(names), classes=len(classes))
            )
        return tuple(names)
    start = 1 if "0" not in names and all(str(number) in names for number in range(1, len(classes) + 1)) else 0
    if any(label in names for label in classes):
        return tuple(names.get(label, label) for label in classes)
    return tuple(names.get(str(index + start), label) for index, label in enumerate(classes))


def classes_from(text: str, count: int) -> tuple[str, ...]:
    """The names of `count` classes: `cat,dog`, a JSON file, or class0, class1, … for none. Raises NamesError."""
    numbered = tuple(f"class{index}" for index in range(count))
    if not text:
        return numbered
    if text.endswith(".json"):
        return unique(rename_classes(numbered, read_names(Path(text))))
    names = [check(name, "--classes") for name in text.split(",")]
    if len(names) != count:
        raise NamesError(
            _("there are {count} names ({names}) for a network with {classes} classes").format(
                count=len(names), names=", ".join(names[:5]), classes=count
            )
        )
    return unique(tuple(names))


def unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if no two are alike. Raises NamesError."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise NamesError(_("two classes are called {twice!r}").format(twice=twice[0]))
    return names
