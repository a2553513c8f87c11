"""Name the classes of a network: from an option, from a file, or class0, class1, …."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from model.common.text import shorten_list
from model.datasets.class_matching import normalize_name
from model.datasets.class_name_files import Names, NamesError, check_name, from_json, read_names
from model.i18n.translations import gettext as _

Log = Callable[[str], object]
# What looks like the path of a file and not like the name of a class.
_PATH = re.compile(
    r"(~|\.{1,2})?[\\/].*|[a-z]:[\\/].*|.*[\\/]|.*\.(txt|json|csv|tsv|names|labels|ya?ml|xml|pbtxt|md|xlsx?|npy|pkl|zip|keras|h5|tflite)",
    re.IGNORECASE,
)


def _ignore(_sentence: str) -> None:
    """Drop a log message."""


def rename_classes(classes: Sequence[str], names: Names, log: Log = _ignore) -> tuple[str, ...]:
    """Rename the classes: by position if `names` is a list, else by label or by number.

    Numbers count from 0; or from 1 if the file has a name for every number from 1 to the number of classes, and none
    for 0. A class without an entry keeps its label.

    Args:
        classes: The labels.
        names: The new names.
        log: Called with a message if several classes have the same name; they get a number each.

    Raises:
        NamesError: The names do not fit the classes.
    """
    if isinstance(names, list):
        if len(names) != len(classes):
            raise _wrong_count_error(len(names), classes)
        return _make_unique(names, log)
    by_label = {normalize_name(label): name for label, name in names.items()}
    if any(normalize_name(label) in by_label for label in classes):
        return _make_unique([by_label.get(normalize_name(label), label) for label in classes], log)
    numbers = {int(key): name for key, name in names.items() if key.isdecimal() and len(key) < 10}
    if not numbers:
        raise NamesError(
            _("no class has one of the labels or numbers {names}; the classes: {classes}").format(
                names=shorten_list(list(names), 5), classes=shorten_list(classes, 5)
            )
        )
    start = 1 if numbers.keys() == set(range(1, len(classes) + 1)) else 0
    if max(numbers) - start >= len(classes):
        raise _wrong_count_error(len(names), classes)
    return _make_unique([numbers.get(index + start, label) for index, label in enumerate(classes)], log)


def _wrong_count_error(count: int, classes: Sequence[str]) -> NamesError:
    return NamesError(_("there are {count} names for {classes} classes").format(count=count, classes=len(classes)))


def resolve_class_names(wanted: str | Names, count: int, log: Log = _ignore) -> tuple[str, ...]:
    """Return the names of `count` classes.

    Args:
        wanted: `cat,dog`, the path of a file of names, names already read, or "" for class0, class1, ….
        count: The number of classes.
        log: Called with a message if several classes have the same name; they get a number each.

    Raises:
        NamesError: The names cannot be read, or there are more or fewer of them than classes.
    """
    numbered = tuple(f"class{index}" for index in range(count))
    if not wanted:
        return numbered
    names = names_from_argument(wanted) if isinstance(wanted, str) else wanted
    if len(names) != count:
        raise NamesError(
            _("there are {count} names ({names}) for a network with {classes} classes").format(
                count=len(names),
                names=shorten_list(list(names if isinstance(names, list) else names.values()), 5),
                classes=count,
            )
        )
    return rename_classes(numbered, names, log)


def names_from_argument(text: str) -> Names:
    """Return the names in `cat,dog`, or in the file with that path.

    Raises:
        NamesError: The file cannot be read, or a name cannot be used.
    """
    return read_names(Path(text).expanduser()) if _is_file(text) else parse_typed_names(text)


def parse_typed_names(text: str, source: str = "--classes") -> Names:
    """Parse names typed as `cat,dog` or as JSON; no file is read.

    Args:
        text: What was typed.
        source: Where it was typed, for messages.

    Raises:
        NamesError: A name cannot be used, or is the path of a file.
    """
    if text.lstrip()[:1] in ("[", "{"):
        return from_json(text, source)
    names = [check_name(name, source) for name in text.split(",")]
    if path := next(filter(_PATH.fullmatch, names), None):
        raise NamesError(
            _(
                "{path!r} is no file that is here, and a path is no class; names are given as cat,dog or in a file"
            ).format(path=path[:80])
        )
    return names


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # too long for a path, an unknown user, or a null character
        return False


def _make_unique(names: Sequence[str], log: Log = _ignore) -> tuple[str, ...]:
    """Number repeated names: crane, crane 2. `log` is called with a message about them."""
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
        log(
            _(
                "several classes are called {names}; they are told apart by a number after the name, as in {example}"
            ).format(names=shorten_list(twice, 5), example=repr(f"{twice[0]} 2"))
        )
    return tuple(found)
