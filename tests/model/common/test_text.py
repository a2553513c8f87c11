from __future__ import annotations

import pytest

from model.common.text import did_you_mean, printable, suggestion
from model.i18n import translations


def test_what_has_no_shape_is_replaced() -> None:
    assert printable("a\x1b[31mb\n\u202ec é日") == "a?[31mb??c é日"
    assert printable("two\nlines", " ") == "two lines"
    assert printable("two\nlines", "") == "twolines"


@pytest.mark.parametrize(
    ("name", "limit", "sentence"),
    [
        ("fsat", 1, "; did you mean 'fast'?"),
        ("fast1", 2, "; did you mean 'fast', 'fasts'?"),
        ("fast1", 1, "; did you mean 'fast'?"),
        ("zebra", 3, ""),
        ("", 1, ""),
    ],
)
def test_a_name_gets_those_that_look_like_it(name: str, limit: int, sentence: str) -> None:
    assert did_you_mean(name, {"best": 1, "fast": 2, "fasts": 3}, limit) == sentence


def test_the_sentence_is_in_the_readers_language() -> None:
    with translations.use_language("pt"):
        assert suggestion(["best", "fast"]) == "; você quis dizer 'best', 'fast'?"
