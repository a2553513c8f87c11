"""Translations of user-visible messages: English is in the code, other languages in gettext catalogues.

The language is looked up whenever a message is made. The page calls `set_language_provider` once, so that each visitor
gets messages in their own language. The command line and the HTTP API do not, and use English.
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
VARIABLE = "VITRINE_LANGUAGE"  # passes the language on to processes that a page starts


_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


class _LanguageProvider:
    """Holds the function that returns the language of whoever a message is for."""

    language: Callable[[], str] = staticmethod(lambda: os.environ.get(VARIABLE, ENGLISH))


def set_language_provider(language: Callable[[], str]) -> None:
    """Use `language()` from now on to look up which of LANGUAGES the current message should be in."""
    _LanguageProvider.language = staticmethod(language)


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Use one language in this thread while the block runs, for work that goes on without its visitor."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def current_language() -> str:
    """Return the language of the current message, a key of LANGUAGES."""
    language = _spoken.get() or _LanguageProvider.language()
    return language if language in LANGUAGES else ENGLISH


def gettext(message: str) -> str:
    """Translate a message into the current language; without a translation it stays as it is."""
    language = current_language()
    return message if language == ENGLISH or not message else catalogue(language).gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """Translate a message in the singular or the plural form that belongs to a number."""
    return catalogue(current_language()).ngettext(one, many, number)


def marked(message: str) -> str:
    """Return the string itself, and mark it for the catalogue: `gettext` translates it later."""
    return message


@cache
def catalogue(language: str) -> NullTranslations:
    """Load the translations of a language from its .po file, once."""
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
