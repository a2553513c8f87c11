from __future__ import annotations

import pytest

from model.i18n.number_format import decimal, decimal_point, duration, integer, percentage, thousands_separator
from model.i18n.translations import use_language


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (700, "12 min"),
        (3599, "1 h 00 min"),
        (11_100, "3 h 05 min"),
    ],
)
def test_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("share", "digits", "written"),
    [(0.9996, 1, "99.9%"), (0.99999, 2, "99.99%"), (0.996, 0, "99%"), (1.0, 1, "100.0%"), (float("nan"), 1, "nan%")],
)
def test_what_is_less_than_all_is_not_shown_as_all(share: float, digits: int, written: str) -> None:
    assert percentage(share, digits) == written


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", ["-1234.57", "97.1%", "0.0%", "1,234,567", "999", "-10,000", "nan"]),
        ("pt", ["-1234,57", "97,1%", "0,0%", "1.234.567", "999", "-10.000", "nan"]),
    ],
)
def test_numbers_have_the_signs_of_the_language(language: str, written: list[str]) -> None:
    with use_language(language):
        numbers = [
            decimal(-1234.567, 2),
            percentage(0.971),
            percentage(0.0),
            integer(1_234_567),
            integer(999),
            integer(-10_000),
        ]
        assert [*numbers, decimal(float("nan"))] == written
        assert decimal_point() + thousands_separator() == {"en": ".,", "pt": ",."}[language]
