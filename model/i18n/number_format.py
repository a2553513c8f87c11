"""Format numbers as the current language writes them."""

from __future__ import annotations

from functools import cache

from model.i18n.translations import current_language


def decimal(value: float, digits: int = 1) -> str:
    """Format a number with the language's decimal separator: `97.1`, `97,1`."""
    return f"{value:.{digits}f}".replace(".", decimal_point())


def percentage(share: float, digits: int = 1) -> str:
    """Format a fraction (0 to 1) as a percentage: `97.1%`, `97,1%`. What is less than all is never shown as 100 %."""
    percents = min(100 * share, 100 - 10**-digits) if share < 1 else 100 * share
    return f"{decimal(percents, digits)}%"


def decimal_point() -> str:
    """Return the language's decimal separator."""
    return _separators(current_language())[0]


def thousands_separator() -> str:
    """Return the language's thousands separator: `10,000`, `10.000`."""
    return _separators(current_language())[1]


@cache
def _separators(language: str) -> tuple[str, str]:
    """Return a language's decimal and thousands separators.

    The digits come from Python, so that a number is rounded the same way on the page, in JSON and on the command line.
    """
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return get_decimal_symbol(language), get_group_symbol(language)


def integer(value: int) -> str:
    """Format a whole number with the language's thousands separator: `10,000`, `10.000`."""
    return f"{value:,}".replace(",", thousands_separator())


def duration(seconds: float) -> str:
    """Format seconds briefly: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
