"""The names of a network's classes as people have them in files: lines, numbered lines, CSV, JSON of several kinds."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.language import gettext as _
from model.spelling import composed

Names = list[str] | dict[str, str]  # by place, or by a class's label or number

MAX_BYTES = 4 * 2**20
MAX_LENGTH = 200
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}
TITLES = {"name", "names", "label", "labels", "class", "classes", "class_name", "category"}  # of a column of names
NUMBERED = re.compile(r"([0-9]+)(\s*[:,;.)]\s*|\s+)(\S.*)")  # Teachable Machine's `0 Rock`, and `1. Rock`
SYNSET = re.compile(r"(n\d{8})[\s:,]+(\S.*)")  # WordNet's number before the name, as ImageNet's lists have it


class NamesError(ValueError):
    """Names that cannot be used; the message says why and what would be right."""


def read_names(path: Path) -> Names:
    """The names in a file, by `parse_names`. Raises NamesError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NamesError(_("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)) from None
    return parse_names(content, str(path))


def parse_names(content: bytes, source: str) -> Names:
    """The names in a file's bytes: by place, or by label or number. Raises NamesError; source: the file, for that.

    Read are: one name a line, also after a number (`0 Rock`) or ImageNet's (`n01440764 tench`); CSV of names, with or
    without their numbers; JSON lists; JSON objects from label or number to name, to ImageNet's pair of number and name
    (`{"0": ["n01440764", "tench"]}`), or from name to number (`{"cat": 0}`, Keras's class_indices).
    """
    if len(content) > MAX_BYTES:
        raise NamesError(
            _("{path} has more than {limit} MB; that is no list of names").format(path=source, limit=MAX_BYTES // 2**20)
        )
    text = decoded(content, source)
    suffix = Path(source).suffix.lower()
    if suffix == ".json" or text.lstrip()[:1] in ("{", "["):
        return from_json(text, source)
    names = from_table(text, DELIMITERS[suffix], source) if suffix in DELIMITERS else from_lines(text, source)
    if not names:
        raise NamesError(_("{path} is empty; it should hold a class's name a line").format(path=source))
    return names


def decoded(content: bytes, source: str) -> str:
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise NamesError(
            _("{path} is no text in UTF-8; it should hold a class's name a line, or JSON").format(path=source)
        ) from None


def from_json(text: str, source: str) -> Names:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise NamesError(_("{path} is no JSON file").format(path=source)) from None
    if isinstance(content, list) and content:
        return [check(last_of(name), source) for name in content]
    if isinstance(content, dict) and content:
        return by_number(content, source) or {key: check(last_of(name), source) for key, name in content.items()}
    raise NamesError(
        _('{path} should hold a list of names, or an object such as {{"0": "cat", "1": "dog"}}').format(path=source)
    )


def last_of(name: Any) -> Any:
    """The name of ImageNet's pair of number and name; anything else as it is."""
    return name[1] if isinstance(name, list) and len(name) == 2 else name


def by_number(content: dict[str, Any], source: str) -> dict[str, str] | None:
    """Keras's class_indices, name -> number, as number -> name; None for an object of another kind."""
    if any(isinstance(number, bool) or not isinstance(number, int | str) for number in content.values()):
        return None
    numbers = [str(number) for number in content.values()]
    if not all(map(str.isdecimal, numbers)):
        return None
    if not counted(numbers) and any(isinstance(number, str) for number in content.values()):
        return None  # {"1": "7", "2": "9"}: names that happen to be numbers
    return numbered(zip(numbers, content, strict=True), source)


def counted(numbers: list[str]) -> bool:
    """Whether the numbers are 0, 1, 2, … or 1, 2, 3, … in any order, each once."""
    found = sorted(int(number) for number in numbers if len(number) < 10)
    return len(found) == len(numbers) > 0 and found[0] < 2 and found == list(range(found[0], found[0] + len(found)))


def numbered(pairs: Iterable[tuple[str, Any]], source: str) -> dict[str, str]:
    """Names by their numbers, of which none may come twice. Raises NamesError."""
    names: dict[str, str] = {}
    for number, name in pairs:
        key = number.lstrip("0") or "0"
        if key in names:
            raise NamesError(_("{path} gives the number {number} to two classes").format(path=source, number=key))
        names[key] = check(name, source)
    return names


def from_lines(text: str, source: str) -> Names:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if lines and all(map(SYNSET.fullmatch, lines)):
        return [check(SYNSET.sub(r"\2", line), source) for line in lines]
    filled = [line for line in lines if line]
    found = [match.groups() for line in filled if (match := NUMBERED.fullmatch(line))]
    if len(found) == len(filled) and counted([number for number, _sign, _name in found]):
        signs, rest = {sign.strip() for _number, sign, _name in found}, {name for _number, _sign, name in found}
        # `1 euro`, `2 euro` are names, and `0 crane`, `1 crane` are two classes of one name
        if "" not in signs or len(rest) == len(found) or any(int(number) == 0 for number, _sign, _name in found):
            return numbered(((number, name) for number, _sign, name in found), source)
    return [check(line, source) for line in lines]


def from_table(text: str, delimiters: str, source: str) -> Names:
    """The names in a CSV file: its only column, or the one beside the numbers; a line of titles may stand above."""
    delimiter = max(delimiters, key=text.partition("\n")[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    except csv.Error:
        raise NamesError(_("{path} is no CSV file").format(path=source)) from None
    rows = [row for row in rows if any(row)]
    widths = {len(row) for row in rows}
    if widths <= {1}:
        names = [row[0] for row in rows]
        return [check(name, source) for name in names[bool(names) and names[0].casefold() in TITLES :]]
    for column in (0, 1):
        if widths == {2} and all(row[column].isdecimal() for row in rows[1:]):
            below = rows if rows[0][column].isdecimal() else rows[1:]
            return numbered(((row[column], row[1 - column]) for row in below), source)
    raise NamesError(
        _("{path} should have one column of names, or one of names beside one of their numbers").format(path=source)
    )


def check(name: Any, source: Path | str) -> str:
    """A name that can be shown, in Unicode's composed form. Raises NamesError."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_LENGTH or not name.isprintable():
        raise NamesError(_("{path}: {name!r} cannot be the name of a class").format(path=source, name=str(name)[:40]))
    return composed(name.strip())
