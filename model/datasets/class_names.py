"""The classes of a network by the names that people give them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from model.datasets.class_matching import composed
from model.datasets.class_name_files import Names, NamesError, check, from_json, read_names
from model.i18n.translations import gettext as _

Tell = Callable[[str], object]
# What somebody who names a file writes, and nobody who names a class.
PATH = re.compile(
    r"(~|\.{1,2})?[\\/].*|[a-z]:[\\/].*|.*[\\/]|.*\.(txt|json|csv|tsv|names|labels|ya?ml|xml|pbtxt|md|xlsx?|npy|pkl|zip|keras|h5|tflite)",
    re.IGNORECASE,
)


def silent(_sentence: str) -> None:
    """For those who have nobody to tell."""


def rename_classes(classes: Sequence[str], names: Names, tell: Tell = silent) -> tuple[str, ...]:
    """The classes with other names: by position in a list, else by label or by number. Raises NamesError.

    Numbers count from 0; from 1 where the file has a name for every number from 1 to the number of classes and none
    for 0. A class without an entry keeps its label. Classes of one name are told apart, and `tell` hears of it.
    """
    if isinstance(names, list):
        if len(names) != len(classes):
            raise wrong_count(len(names), classes)
        return told_apart(names, tell)
    by_label = {composed(label): name for label, name in names.items()}
    if any(composed(label) in by_label for label in classes):
        return told_apart([by_label.get(composed(label), label) for label in classes], tell)
    numbers = {int(key) for key in names if key.isdecimal() and len(key) < 10}
    if not numbers:
        raise NamesError(
            _("no class has one of the labels or numbers {names}; the classes: {classes}").format(
                names=shown(list(names)), classes=shown(classes)
            )
        )
    start = 1 if numbers == set(range(1, len(classes) + 1)) else 0
    if max(numbers) - start >= len(classes):
        raise wrong_count(len(names), classes)
    return told_apart([names.get(str(index + start), label) for index, label in enumerate(classes)], tell)


def wrong_count(count: int, classes: Sequence[str]) -> NamesError:
    return NamesError(_("there are {count} names for {classes} classes").format(count=count, classes=len(classes)))


def classes_from(wanted: str | Names, count: int, tell: Tell = silent) -> tuple[str, ...]:
    """The names of `count` classes: `cat,dog`, a file of names, names that were read, or class0, class1, … for none.

    Classes of one name are told apart, and `tell` hears of it. Raises NamesError.
    """
    numbered = tuple(f"class{index}" for index in range(count))
    if not wanted:
        return numbered
    names = given_names(wanted) if isinstance(wanted, str) else wanted
    if len(names) != count:
        raise NamesError(
            _("there are {count} names ({names}) for a network with {classes} classes").format(
                count=len(names), names=shown(list(names if isinstance(names, list) else names.values())), classes=count
            )
        )
    return rename_classes(numbered, names, tell)


def given_names(text: str) -> Names:
    """The names in `cat,dog`, or in the file of that path. Raises NamesError."""
    return read_names(Path(text).expanduser()) if is_file(text) else typed_names(text)


def typed_names(text: str, source: str = "--classes") -> Names:
    """The names in `cat,dog` or in JSON; no file is read. source: where they were typed.

    Raises NamesError, also for what is a file's path.
    """
    if text.lstrip()[:1] in ("[", "{"):
        return from_json(text, source)
    names = [check(name, source) for name in text.split(",")]
    if path := next(filter(PATH.fullmatch, names), None):
        raise NamesError(
            _(
                "{path!r} is no file that is here, and a path is no class; names are given as cat,dog or in a file"
            ).format(path=path[:80])
        )
    return names


def is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # too long for a path, no such user, or a null in it
        return False


def told_apart(names: Sequence[str], tell: Tell = silent) -> tuple[str, ...]:
    """The names, those that come again with a number after them: crane, crane 2. `tell` hears of such names."""
    taken, found = set(names), []
    seen: set[str] = set()
    for name in names:
        own, number = name, 1
        while own in seen or (number > 1 and own in taken):
            number += 1
            own = f"{name} {number}"
        seen.add(own)
        found.append(own)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        tell(
            _(
                "several classes are called {names}; they are told apart by a number after the name, as in {example}"
            ).format(names=shown(twice), example=repr(f"{twice[0]} 2"))
        )
    return tuple(found)


def shown(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(name[:40] for name in names[:most]) + (", …" if len(names) > most else "")
