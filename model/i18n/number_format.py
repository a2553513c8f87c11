"""Numbers as people write them in the language that holds."""

from __future__ import annotations

from functools import cache

from model.i18n.translations import current


def decimal(value: float, digits: int = 1) -> str:
    """A number with the current language's decimal sign: `97.1`, `97,1`."""
    return f"{value:.{digits}f}".replace(".", decimal_point())


def per_cent(share: float, digits: int = 1) -> str:
    """A share as per cent: `97.1%`, `97,1%`."""
    return f"{decimal(100 * share, digits)}%"


def decimal_point() -> str:
    return signs(current())[0]


def thousands() -> str:
    """The sign between thousands: `10,000`, `10.000`."""
    return signs(current())[1]


@cache
def signs(language: str) -> tuple[str, str]:
    """A language's decimal sign and the one between thousands.

    Digits are Python's own: a number that stands on the page, in JSON and on the command line is rounded the same way.
    """
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return get_decimal_symbol(language), get_group_symbol(language)


def whole(value: int) -> str:
    """A whole number with the current language's sign between thousands: `10,000`, `10.000`."""
    return f"{value:,}".replace(",", thousands())


def duration(seconds: float) -> str:
    """Seconds in words that fit a bar: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
