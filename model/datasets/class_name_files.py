"""The names of a network's classes as people have them in files: lines, numbered lines, CSV, JSON of several kinds."""

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
from model.datasets.class_matching import composed
from model.i18n.translations import gettext as _

Names = list[str] | dict[str, str]  # by place, or by a class's label or number

MAX_BYTES = 4 * 2**20
MAX_LENGTH = 200
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}
TITLES = {"name", "names", "label", "labels", "class", "classes", "class_name", "category"}  # of a column of names
# Teachable Machine's `0 Rock`, `1. Rock` and `2 -> Rock`, but not `0.5 mm`; and the same with the number last.
NUMBERED = re.compile(r"([0-9]+)(\s*[:,;.)=|](?![0-9])\s*|\s+(?:-|->|=>)\s+|\s+)(\S.*)")
NUMBERED_LAST = re.compile(r"(\S.*?)(\s*[:;=|\t]\s*|\s*,\s*|\s+)([0-9]+)")
QUOTED = re.compile(r"""(["'])(.+)\1""")
HOLDERS = ("id2label", "class_indices", "class_names", "classes", "names", "labels", "categories")  # of all names
MAX_LITERAL = 2**18  # characters of names as Python prints them
JOINERS = "\u200c\u200d"  # they are invisible, and belong to Persian words and to emoji of several parts
SYNSET = re.compile(r"(n\d{8})[\s:,]+(\S.*)")  # WordNet's number before the name, as ImageNet's lists have it


class NamesError(VitrineError, ValueError):
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
    content = held(parsed(text, source))
    if isinstance(content, list) and content:
        return by_id(content, source) or [check(last_of(name), source) for name in content]
    if isinstance(content, dict) and content:
        return by_number(content, source) or {str(key): check(last_of(name), source) for key, name in content.items()}
    raise NamesError(
        _('{path} should hold a list of names, or an object such as {{"0": "cat", "1": "dog"}}').format(path=source)
    )


def parsed(text: str, source: str) -> Any:
    """JSON, or a list or dictionary as Python prints it, such as ImageNet's `{0: 'tench', ...}`; nothing is run."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip()[: MAX_LITERAL + 1]) if len(text) <= MAX_LITERAL else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise NamesError(_("{path} is no JSON file").format(path=source)) from None


def held(content: Any) -> Any:
    """What an object keeps all names in, as a network's settings do; anything else as it is."""
    if isinstance(content, dict):
        found = next((content[key] for key in HOLDERS if isinstance(content.get(key), list | dict)), None)
        return content if found is None else found
    return content


def by_id(content: list[Any], source: str) -> dict[str, str] | None:
    """A list such as `[{"id": 0, "name": "cat"}]` as number -> name; None for a list of another kind."""
    if not all(isinstance(entry, dict) and type(entry.get("id")) is int and "name" in entry for entry in content):
        return None
    return numbered(((str(entry["id"]), entry["name"]) for entry in content), source)


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
    lines = tidied([line.strip() for line in text.strip().splitlines()])
    if lines and all(map(SYNSET.fullmatch, lines)):
        return [check(SYNSET.sub(r"\2", line), source) for line in lines]
    filled = [line for line in lines if line]
    pairs = by_first_number(filled) or by_last_number(filled)
    if pairs:
        names = unquoted([name for _number, name in pairs])
        return numbered(zip((number for number, _name in pairs), names, strict=True), source)
    return [check(line, source) for line in lines]


def tidied(lines: list[str]) -> list[str]:
    """Lines without what makes them a list for other programs: commas between them, quotes and hyphens."""
    if len(lines) == 1:
        lines = [name.strip() for name in lines[0].strip(",").split(",")]
    elif all(line.endswith(",") for line in lines[:-1]):
        lines = [line.removesuffix(",").rstrip() for line in lines]
    if all(line.startswith("- ") for line in lines):
        lines = [line[2:].strip() for line in lines]
    return unquoted(lines)


def unquoted(names: list[str]) -> list[str]:
    """Names without quotes, where all have them."""
    found = [QUOTED.fullmatch(name) for name in names]
    return [match[2] for match in found if match] if all(found) else names


def by_first_number(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """Number and name of lines such as `0 Rock`; None where the lines are names that begin with numbers."""
    found = [match.groups() for line in lines if (match := NUMBERED.fullmatch(line))]
    if len(found) < len(lines) or not counted([number for number, _sign, _name in found]):
        return None
    signs, rest = {sign.strip() for _number, sign, _name in found}, {name for _number, _sign, name in found}
    # `1 euro`, `2 euro` are names, and `0 crane`, `1 crane` are two classes of one name
    if "" in signs and len(rest) < len(found) and not any(int(number) == 0 for number, _sign, _name in found):
        return None
    return [(number, name) for number, _sign, name in found]


def by_last_number(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """The same for lines such as `Rock: 0`; `level 0`, `level 1` are names."""
    found = [match.groups() for line in lines if (match := NUMBERED_LAST.fullmatch(line))]
    numbers, rest = [number for _name, _sign, number in found], {name for name, _sign, _number in found}
    if len(found) < len(lines) or not counted(numbers) or len(rest) < len(found):
        return None
    if any(not sign.strip(" ") for _name, sign, _number in found) and "0" not in numbers:
        return None  # `Apollo 1`, `Soyuz 2` are names
    return [(number, name) for name, _sign, number in found]


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
    if len(rows) == 1:
        return [check(name, source) for name in rows[0] if name]
    if len(widths) == 1 and (named := by_title(rows, source)):
        return named
    for column in (0, 1):
        if widths == {2} and all(row[column].isdecimal() for row in rows[1:]):
            below = rows if rows[0][column].isdecimal() else rows[1:]
            return numbered(((row[column], row[1 - column]) for row in below), source)
    raise NamesError(
        _("{path} should have one column of names, or one of names beside one of their numbers").format(path=source)
    )


def by_title(rows: list[list[str]], source: str) -> Names | None:
    """The names of a table of three columns or more, one of which has a title; None where none or several have."""
    titled = [place for place, title in enumerate(rows[0]) if title.casefold() in TITLES]
    if len(rows[0]) < 3 or len(titled) != 1:
        return None
    names = [row[titled[0]] for row in rows[1:]]
    for place in range(len(rows[0])):
        numbers = [row[place] for row in rows[1:]]
        if place != titled[0] and all(map(str.isdecimal, numbers)) and counted(numbers):
            return numbered(zip(numbers, names, strict=True), source)
    return [check(name, source) for name in names]


def check(name: Any, source: Path | str) -> str:
    """A name that can be shown, in Unicode's composed form, its spaces of any kind plain ones. Raises NamesError."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_LENGTH:
        raise no_name(name, source)
    plain = "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in name).strip()
    if not all(sign.isprintable() or sign in JOINERS for sign in plain) or not plain.strip(JOINERS):
        raise no_name(name, source)
    return composed(plain)


def no_name(name: Any, source: Path | str) -> NamesError:
    return NamesError(_("{path}: {name!r} cannot be the name of a class").format(path=source, name=str(name)[:40]))
