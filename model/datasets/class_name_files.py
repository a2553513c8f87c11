"""Read class names from the files people have: lines, numbered lines, CSV, several kinds of JSON."""

from __future__ import annotations

import ast
import codecs
import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from model.common.errors import VitrineError
from model.datasets.class_matching import normalize_name
from model.i18n.translations import gettext as _

Names = list[str] | dict[str, str]  # in the order of the classes, or by label or number

MAX_BYTES = 4 * 2**20
_MAX_LENGTH = 200
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}
_COLUMN_TITLES = {
    "name",
    "names",
    "label",
    "labels",
    "class",
    "classes",
    "class_name",
    "category",
}  # titles of a column of names
# Teachable Machine's `0 Rock`, `1. Rock` and `2 -> Rock`, but not `0.5 mm`; then the same with the number at the end.
_NUMBERED = re.compile(r"([0-9]+)(\s*[:,;.)=|](?![0-9])\s*|\s+(?:-|->|=>)\s+|\s+)(\S.*)")
_NUMBERED_LAST = re.compile(r"(\S.*?)(\s*[:;=|\t]\s*|\s*,\s*|\s+)([0-9]+)")
_QUOTED = re.compile(r"""(["'])(.+)\1""")
_NAME_KEYS = (
    "id2label",
    "class_indices",
    "class_names",
    "classes",
    "names",
    "labels",
    "categories",
)  # keys that hold the names
_MAX_LITERAL = 2**18  # characters of a Python literal
_JOINERS = "\u200c\u200d"  # invisible characters of Persian words and composed emoji
_SYNSET = re.compile(r"(n\d{8})[\s:,]+(\S.*)")  # a WordNet ID before the name, as in ImageNet's lists


class NamesError(VitrineError, ValueError):
    """Class names that cannot be used; the message says why and what would be right."""


def read_names(path: Path) -> Names:
    """Read the names in a file, as `parse_names` does.

    Raises:
        NamesError: The file cannot be read, or holds no names.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NamesError(_("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)) from None
    return parse_names(content, str(path))


def parse_names(content: bytes, source: str) -> Names:
    """Parse the content of a file of class names.

    Supported are: one name per line, also after a number (`0 Rock`) or a WordNet ID (`n01440764 tench`); CSV with
    names, with or without numbers; JSON lists; JSON objects from label or number to name, to ImageNet's pair of ID and
    name (`{"0": ["n01440764", "tench"]}`), or from name to number (`{"cat": 0}`, Keras's class_indices).

    Args:
        content: The bytes of the file.
        source: Its path, for messages; the suffix selects the format.

    Returns:
        A list of names in the order of the classes, or a dict from label or number to name.

    Raises:
        NamesError: There are no names, or one of them cannot be used.
    """
    if len(content) > MAX_BYTES:
        raise NamesError(
            _("{path} has more than {limit} MB; that is no list of names").format(path=source, limit=MAX_BYTES // 2**20)
        )
    text = _decode(content, source)
    suffix = Path(source).suffix.lower()
    if suffix == ".json" or text.lstrip()[:1] in ("{", "["):
        return from_json(text, source)
    names = _from_table(text, _DELIMITERS[suffix], source) if suffix in _DELIMITERS else _from_lines(text, source)
    if not names:
        raise NamesError(_("{path} is empty; it should hold a class's name a line").format(path=source))
    return names


def _decode(content: bytes, source: str) -> str:
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise NamesError(
            _("{path} is no text in UTF-8; it should hold a class's name a line, or JSON").format(path=source)
        ) from None


def from_json(text: str, source: str) -> Names:
    """Read the names in JSON, as `parse_names` does.

    Raises:
        NamesError: It is no JSON, or not in a supported form.
    """
    content = _find_names(_parse_json(text, source))
    if isinstance(content, list) and content:
        return _from_id_list(content, source) or [check_name(_without_synset(name), source) for name in content]
    if isinstance(content, dict) and content:
        return _from_class_indices(content, source) or {
            str(key): check_name(_without_synset(name), source) for key, name in content.items()
        }
    raise NamesError(
        _('{path} should hold a list of names, or an object such as {{"0": "cat", "1": "dog"}}').format(path=source)
    )


def _parse_json(text: str, source: str) -> Any:
    """Parse JSON, or a list or dict printed by Python such as ImageNet's `{0: 'tench', ...}`, without running it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip()[: _MAX_LITERAL + 1]) if len(text) <= _MAX_LITERAL else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise NamesError(_("{path} is no JSON file").format(path=source)) from None


def _find_names(content: Any) -> Any:
    """Return the part of a JSON object that holds the names, as in a model's configuration; anything else unchanged."""
    if isinstance(content, dict):
        found = next((content[key] for key in _NAME_KEYS if isinstance(content.get(key), list | dict)), None)
        return content if found is None else found
    return content


def _from_id_list(content: list[Any], source: str) -> dict[str, str] | None:
    """Read a list such as `[{"id": 0, "name": "cat"}]` as number -> name; None for any other list."""
    if not all(isinstance(entry, dict) and type(entry.get("id")) is int and "name" in entry for entry in content):
        return None
    return _names_by_number(((str(entry["id"]), entry["name"]) for entry in content), source)


def _without_synset(name: Any) -> Any:
    """Return the name from ImageNet's pair of ID and name; anything else unchanged."""
    return name[1] if isinstance(name, list) and len(name) == 2 else name


def _from_class_indices(content: dict[str, Any], source: str) -> dict[str, str] | None:
    """Read Keras's class_indices (name -> number) as number -> name; None for any other object."""
    if any(isinstance(number, bool) or not isinstance(number, int | str) for number in content.values()):
        return None
    numbers = [str(number) for number in content.values()]
    if not all(map(str.isdecimal, numbers)):
        return None
    if not _is_consecutive(numbers) and any(isinstance(number, str) for number in content.values()):
        return None  # {"1": "7", "2": "9"}: names that happen to be numbers
    return _names_by_number(zip(numbers, content, strict=True), source)


def _is_consecutive(numbers: list[str]) -> bool:
    """Return whether the numbers are 0, 1, 2, … or 1, 2, 3, … in any order, each once."""
    found = sorted(int(number) for number in numbers if len(number) < 10)
    return len(found) == len(numbers) > 0 and found[0] < 2 and found == list(range(found[0], found[0] + len(found)))


def _names_by_number(pairs: Iterable[tuple[str, Any]], source: str) -> dict[str, str]:
    """Collect names by number.

    Raises:
        NamesError: A number occurs twice, or a name cannot be used.
    """
    names: dict[str, str] = {}
    for number, name in pairs:
        key = number.lstrip("0") or "0"
        if key in names:
            raise NamesError(_("{path} gives the number {number} to two classes").format(path=source, number=key))
        names[key] = check_name(name, source)
    return names


def _from_lines(text: str, source: str) -> Names:
    lines = _strip_list_syntax([line.strip() for line in text.strip().splitlines()])
    if lines and all(map(_SYNSET.fullmatch, lines)):
        return [check_name(_SYNSET.sub(r"\2", line), source) for line in lines]
    filled = [line for line in lines if line]
    pairs = _split_leading_numbers(filled) or _split_trailing_numbers(filled)
    if pairs:
        names = _strip_quotes([name for _number, name in pairs])
        return _names_by_number(zip((number for number, _name in pairs), names, strict=True), source)
    return [check_name(line, source) for line in lines]


def _strip_list_syntax(lines: list[str]) -> list[str]:
    """Strip the commas, quotes and hyphens that make lines a list for other programs."""
    if len(lines) == 1:
        lines = [name.strip() for name in lines[0].strip(",").split(",")]
    elif all(line.endswith(",") for line in lines[:-1]):
        lines = [line.removesuffix(",").rstrip() for line in lines]
    if all(line.startswith("- ") for line in lines):
        lines = [line[2:].strip() for line in lines]
    return _strip_quotes(lines)


def _strip_quotes(names: list[str]) -> list[str]:
    """Strip the quotes if all names have them."""
    found = [_QUOTED.fullmatch(name) for name in names]
    return [match[2] for match in found if match] if all(found) else names


def _split_leading_numbers(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """Split lines such as `0 Rock` into number and name; None if the lines are names that begin with numbers."""
    found = [match.groups() for line in lines if (match := _NUMBERED.fullmatch(line))]
    if len(found) < len(lines) or not _is_consecutive([number for number, _sign, _name in found]):
        return None
    signs, rest = {sign.strip() for _number, sign, _name in found}, {name for _number, _sign, name in found}
    # `1 euro`, `2 euro` are names, but `0 crane`, `1 crane` are two classes with the same name
    if "" in signs and len(rest) < len(found) and not any(int(number) == 0 for number, _sign, _name in found):
        return None
    return [(number, name) for number, _sign, name in found]


def _split_trailing_numbers(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """Split lines such as `Rock: 0` into number and name; None for names such as `level 0`, `level 1`."""
    found = [match.groups() for line in lines if (match := _NUMBERED_LAST.fullmatch(line))]
    numbers, rest = [number for _name, _sign, number in found], {name for name, _sign, _number in found}
    if len(found) < len(lines) or not _is_consecutive(numbers) or len(rest) < len(found):
        return None
    if any(not sign.strip(" ") for _name, sign, _number in found) and "0" not in numbers:
        return None  # `Apollo 1`, `Soyuz 2` are names
    return [(number, name) for name, _sign, number in found]


def _from_table(text: str, delimiters: str, source: str) -> Names:
    """Read the names in a CSV file: its only column, or the one beside the numbers, with or without a header.

    Raises:
        NamesError: No column holds the names.
    """
    delimiter = max(delimiters, key=text.partition("\n")[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    except csv.Error:
        raise NamesError(_("{path} is no CSV file").format(path=source)) from None
    rows = [row for row in rows if any(row)]
    widths = {len(row) for row in rows}
    if widths <= {1}:
        names = [row[0] for row in rows]
        return [check_name(name, source) for name in names[bool(names) and names[0].casefold() in _COLUMN_TITLES :]]
    if len(rows) == 1:
        return [check_name(name, source) for name in rows[0] if name]
    if len(widths) == 1 and (named := _from_titled_column(rows, source)):
        return named
    for column in (0, 1):
        if widths == {2} and all(row[column].isdecimal() for row in rows[1:]):
            below = rows if rows[0][column].isdecimal() else rows[1:]
            return _names_by_number(((row[column], row[1 - column]) for row in below), source)
    raise NamesError(
        _("{path} should have one column of names, or one of names beside one of their numbers").format(path=source)
    )


def _from_titled_column(rows: list[list[str]], source: str) -> Names | None:
    """Read the names in a table of three or more columns, exactly one of which has a known title; else return None."""
    titled = [column for column, title in enumerate(rows[0]) if title.casefold() in _COLUMN_TITLES]
    if len(rows[0]) < 3 or len(titled) != 1:
        return None
    names = [row[titled[0]] for row in rows[1:]]
    for column in range(len(rows[0])):
        numbers = [row[column] for row in rows[1:]]
        if column != titled[0] and all(map(str.isdecimal, numbers)) and _is_consecutive(numbers):
            return _names_by_number(zip(numbers, names, strict=True), source)
    return [check_name(name, source) for name in names]


def check_name(name: Any, source: Path | str) -> str:
    """Return a name in NFC with plain spaces.

    Raises:
        NamesError: It is not a string, or it is empty, too long or not printable.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _MAX_LENGTH:
        raise _invalid_name(name, source)
    plain = "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in name).strip()
    if not all(sign.isprintable() or sign in _JOINERS for sign in plain) or not plain.strip(_JOINERS):
        raise _invalid_name(name, source)
    return normalize_name(plain)


def _invalid_name(name: Any, source: Path | str) -> NamesError:
    return NamesError(_("{path}: {name!r} cannot be the name of a class").format(path=source, name=str(name)[:40]))
