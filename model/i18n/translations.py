"""The language of the sentences that people read: English as it stands in the code, others from gettext's catalogues.

Which language holds is asked at the moment a sentence is made: a page sets `ask` once, and each visitor's answer is
their own. Command lines and the HTTP API leave it alone and speak English.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "pt": "Português"}
CATALOGUES = Path(__file__).with_name("locale")
VARIABLE = "VITRINE_LANGUAGE"  # for the processes that a page starts to work for it


_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


class _Asked:
    """Who knows the language of the one that a sentence is for."""

    language: Callable[[], str] = staticmethod(lambda: os.environ.get(VARIABLE, ENGLISH))


def ask(language: Callable[[], str]) -> None:
    """From now on `language()` says which of LANGUAGES the sentence at hand is wanted in."""
    _Asked.language = staticmethod(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Meanwhile, in this thread, sentences are in `language`: for work that goes on without the visitor who asked."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def current() -> str:
    """The language that holds here and now, a key of LANGUAGES."""
    language = _spoken.get() or _Asked.language()
    return language if language in LANGUAGES else ENGLISH


def gettext(message: str) -> str:
    """The sentence in the current language; one without a translation stays as it is."""
    language = current()
    return message if language == ENGLISH or not message else catalogue(language).gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a sentence that belongs to a number, in the current language."""
    return catalogue(current()).ngettext(one, many, number)


def marked(message: str) -> str:
    """The string itself: marks one for the catalogues that `gettext` is to look up later, such as a class's name."""
    return message


@cache
def catalogue(language: str) -> NullTranslations:
    """A language's sentences, read from its text catalogue once."""
    if language == ENGLISH:
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = CATALOGUES / language / "LC_MESSAGES" / "vitrine.po"
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
