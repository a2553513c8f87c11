"""Every setting that comes from the environment: one frozen record, read, checked and described in one place."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from model.common.errors import SettingError
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

AUTO = "auto"  # the value of `engine` that leaves the choice to what was measured
_PREFIX = "VITRINE_"
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9-]+|\*)(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?")

# Turns a variable's name and its text, never empty, into the value; raises SettingError for an invalid one.
_Parser = Callable[[str, str], Any]


def _parse_text(_variable: str, text: str) -> str:
    return text


def _parse_token(variable: str, text: str) -> str:
    token = text.strip()  # files that hold a secret often end in a line break, and HTTP strips what it sends
    if not token or not token.isprintable():
        raise SettingError(
            _("{variable} is no token; a token is one line of letters, digits and signs").format(variable=variable)
        )
    return token


def _parse_list(separator: str) -> _Parser:
    return lambda _variable, text: tuple(filter(None, (part.strip() for part in text.split(separator))))


def _parse_switch(variable: str, text: str) -> bool:
    if text not in ("0", "1"):
        message = _("{variable} is {given!r}; it can be 1, for yes, or 0, for no")
        raise SettingError(message.format(variable=variable, given=text))
    return text == "1"


def _parse_choice(*words: str) -> _Parser:
    def parse(variable: str, text: str) -> str:
        if text not in words:
            message = _("{variable} is {given!r}; it can be {one} or {other}")
            one, other = ", ".join(words[:-1]), words[-1]
            raise SettingError(message.format(variable=variable, given=text, one=one, other=other))
        return text

    return parse


def _parse_whole_number(low: int, high: int) -> _Parser:
    def parse(variable: str, text: str) -> int:
        with suppress(ValueError):
            if low <= (number := int(text)) <= high:
                return number
        message = _("{variable} is {given!r}; it can be a whole number from {low} to {high}")
        raise SettingError(message.format(variable=variable, given=text, low=low, high=high))

    return parse


def _parse_seconds(variable: str, text: str) -> float:
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    message = _("{variable} is {given!r}; it can be a number of seconds above 0")
    raise SettingError(message.format(variable=variable, given=text))


def _parse_origins(variable: str, text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) and origins != ("*",):
            raise _no_origin(variable, origin)
    return origins


def _parse_exact_origins(variable: str, text: str) -> tuple[str, ...]:
    """Return origins as browsers write them, because they are compared as they are; none can be a pattern."""
    origins = _parse_origins(variable, text)
    for origin in origins:
        if "*" in origin and origins != ("*",):
            raise _no_origin(variable, origin)
    return tuple(origin.lower().removesuffix(":443" if origin.startswith("https:") else ":80") for origin in origins)


def _no_origin(variable: str, origin: str) -> SettingError:
    message = _("{variable} has {origin!r}; it takes origins such as https://example.org, or * alone for all")
    return SettingError(message.format(variable=variable, origin=origin))


def _field(
    default: object,
    meaning: str,
    parse: _Parser = _parse_text,
    shown: str = "",
    api: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a setting.

    Args:
        default: Its value if the variable is missing or empty.
        meaning: What the documents and `--help` say about it.
        parse: Checks and converts the text of the variable.
        shown: The default as the documents give it, if that is not a value to set.
        api: Whether the HTTP API is set up with it.
        secret: Whether to keep its value out of logs.
    """
    metadata = {"meaning": meaning, "parse": parse, "shown": shown, "api": api}
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


_NONE = marked("none")


@dataclass(frozen=True)
class Settings:
    """The settings; each comes from the variable VITRINE_ and the field's name in capitals."""

    home: str = _field(
        ".vitrine",
        marked("folder of your own runs, networks, taught pictures and saved answers"),
        shown=marked("`.vitrine` in the current folder"),
    )
    database: str = _field(
        "",
        marked(
            "URL of the database for your networks and saved answers, such as `postgresql+psycopg://me@host/vitrine`; "
            "you install its driver yourself"
        ),
        shown=marked("an SQLite file in `VITRINE_HOME`"),
    )
    data: tuple[str, ...] = _field(
        (),
        marked(
            "data folders to browse, to evaluate on and to search for similar training pictures, separated by `:` "
            "(`;` on Windows)"
        ),
        _parse_list(os.pathsep),
        shown=_NONE,
    )
    # Only checked and described here: model.i18n, which reads it, is below this module.
    language: str = _field(
        "en",
        marked("`pt` prints the error messages of the commands in Portuguese, as far as they are translated"),
        _parse_choice("en", "pt"),
    )
    share: bool = _field(
        False,
        marked(
            "1 opens a public link. `SHARE=1` is for `make run`, which installs what a link needs; before you set "
            "`VITRINE_SHARE=1` yourself, run `pip install pyngrok`"
        ),
        _parse_switch,
    )
    password: str = _field(
        "", marked("password that makes whoever enters it on the page the owner"), shown=_NONE, secret=True
    )
    local_owner: bool = _field(
        True, marked("with 0, nobody becomes the owner just by visiting from this machine"), _parse_switch
    )
    embed: tuple[str, ...] = _field(
        (),
        marked("web origins whose pages may show this one in a frame, separated by commas, or `*`; its own always may"),
        _parse_origins,
        shown=_NONE,
    )
    require_browser: bool = _field(
        False, marked("1 makes `make test` fail where it would skip the browser tests"), _parse_switch
    )
    host: str = _field("localhost", marked("address that `python -m api` listens on"), api=True)
    port: int = _field(
        8501,
        marked("port that `python -m api` listens on; 0 takes a free one"),
        _parse_whole_number(0, 65535),
        api=True,
    )
    workers: int = _field(
        1, marked("processes that answer behind the one port of `python -m api`"), _parse_whole_number(1, 256), api=True
    )
    model: str = _field("default", marked("model that answers if a request names none"), api=True)
    engine: str = _field(
        AUTO,
        marked(
            "engine if a request names none: `keras`, `int8`, or `auto` for int8 where its measured accuracy is at "
            "most 0.2 points below that of Keras"
        ),
        _parse_choice("keras", "int8", AUTO),
        api=True,
    )
    api_token: str = _field(
        "",
        marked("bearer token that every route except health asks for"),
        _parse_token,
        shown=_NONE,
        api=True,
        secret=True,
    )
    cors: tuple[str, ...] = _field(
        (),
        marked("web origins whose pages may call the API, separated by commas, or `*` for all"),
        _parse_exact_origins,
        shown=_NONE,
        api=True,
    )
    history: bool = _field(
        False, marked("1 saves every answer, unless a visitor of the page turns that off"), _parse_switch, api=True
    )
    threads: int = _field(
        16, marked("pictures that are worked on at the same time"), _parse_whole_number(1, 64), api=True
    )
    queue: int = _field(
        64,
        marked("requests that may wait for a thread; further ones are told to come back"),
        _parse_whole_number(0, 100_000),
        api=True,
    )
    batch_files: int = _field(
        100,
        marked("pictures that one `POST /api/predict` or `POST /api/teach/…` may contain"),
        _parse_whole_number(1, 10_000),
        api=True,
    )
    batch_mb: int = _field(
        100,
        marked("megabytes that one `POST /api/predict` or `POST /api/teach/…` may contain"),
        _parse_whole_number(1, 100_000),
        api=True,
    )
    body_mb: int = _field(
        512,
        marked("megabytes that all requests together may take in memory"),
        _parse_whole_number(32, 1_000_000),
        api=True,
    )
    body_seconds: float = _field(20.0, marked("seconds for which a request's body may pause"), _parse_seconds, api=True)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return _PREFIX + name.upper()


def read_settings(*names: str, **given: object) -> Settings:
    """Read the settings from the environment. A variable that is empty counts as missing.

    Args:
        *names: Read and check these alone; the others keep their defaults. Without any, all are read.
        **given: Values that take the place of the environment's, such as a command's options; None is ignored.

    Raises:
        SettingError: Values are invalid; the message has a line for each.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(Settings):
        option = given.get(field.name)
        text = os.environ.get(variable(field.name), "") if option is None else str(option)
        if text and (field.name in names or not names):
            try:
                values[field.name] = field.metadata["parse"](variable(field.name), text)
            except SettingError as error:
                problems.append(str(error))
    if problems:
        raise SettingError("\n".join(problems))
    return Settings(**values)


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a message for each variable that starts with VITRINE_ but is no setting, with the most similar setting."""
    known = [variable(field.name) for field in dataclasses.fields(Settings)]
    return [
        _("unknown setting {name}; did you mean {known}?").format(
            name=name, known=get_close_matches(name, known, 1, 0)[0]
        )
        for name in sorted(environment)
        if name.startswith(_PREFIX) and name not in known
    ]


def settings_table(api_only: bool = False) -> list[tuple[str, str, str]]:
    """Return variable, meaning and default of the settings, in the current language.

    Args:
        api_only: Only those that set up the HTTP API.
    """
    rows = []
    for field in dataclasses.fields(Settings):
        meaning, shown = field.metadata["meaning"], field.metadata["shown"]
        if field.metadata["api"] or not api_only:
            rows.append((variable(field.name), _(meaning), _(shown) or _written(field.default)))
    return rows


def _written(default: object) -> str:
    """Write a default as the environment would: a switch is 0 or 1."""
    return format(default, "g") if isinstance(default, bool | float) else str(default)
