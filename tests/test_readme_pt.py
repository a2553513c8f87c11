"""The Portuguese README says what the English one says: the same commands, settings, pictures and figures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from training.runs.series import standings

ROOT = Path(__file__).parent.parent
ENGLISH, PORTUGUESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.pt.md"))
CODE = re.compile(r"^    \S[^\n]*$|^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ ", re.MULTILINE)


def sections(text: str) -> list[str]:
    return re.split(r"^(?=#+ )", text, flags=re.MULTILINE)[1:]


def figures(text: str, decimal: str) -> Counter[str]:
    """The numbers in a text, written the same way whatever signs they have."""
    thousands = "," if decimal == "." else "."
    plain = re.sub(rf"(?<=\d){re.escape(thousands)}(?=\d{{3}}(?!\d))", "", text)
    return Counter(number.replace(decimal, ".") for number in re.findall(rf"\d+(?:{re.escape(decimal)}\d+)?", plain))


def code(text: str) -> list[str]:
    """Commands and code blocks, as they stand."""
    return CODE.findall(text)


def test_the_sections_are_the_same() -> None:
    assert [HEADING.match(one)[0] for one in sections(ENGLISH)] == [  # type: ignore[index]
        HEADING.match(one)[0]  # type: ignore[index]
        for one in sections(PORTUGUESE)
    ]


@pytest.mark.parametrize(
    ("english", "portuguese"), list(zip(sections(ENGLISH), sections(PORTUGUESE), strict=True)), ids=lambda one: one[:20]
)
def test_a_section_has_the_same_commands_names_and_figures(english: str, portuguese: str) -> None:
    assert code(english) == code(portuguese)
    prose = [CODE.sub("", one) for one in (english, portuguese)]
    names = [set(re.findall(r"`([^`]+)`", one)) for one in prose]
    assert names[0] == names[1]
    prose = [re.sub(r"`[^`]+`|Python [0-9.]+", "", one) for one in prose]
    assert figures(prose[0], ".") == figures(prose[1], ",")
    for pattern in (r"\]\((docs/[^)]*)\)", r"<(http[^>]*)>"):
        assert re.findall(pattern, english) == re.findall(pattern, portuguese)


def test_the_table_of_recipes_has_the_measured_figures() -> None:
    rows = {
        name: row.split(" | ") for name, row in re.findall(r"^\| `([\w-]+)` \| (.* \| .*) \|$", recipes(), re.MULTILINE)
    }
    found = standings()
    assert list(rows) == [standing.name for standing in found]
    for standing in found:
        network, reported, *measured = rows[standing.name]
        said = [standing.recipe.description, standing.recipe.reported or "–"]
        assert [figures(one, ",") for one in (network, reported)] == [figures(one, ".") for one in said]
        assert network and (reported == "–") == (said[1] == "–")
        cells = ["–", "–", "–"]
        if standing.run:
            shares = [standing.run.test_accuracy(title) for title in ("first 1,000", "all 10,000")]
            shown = [f"{share:.2%}".replace("%", " %").replace(".", ",") if share == share else "–" for share in shares]
            cells = [*shown, f"{standing.run.minutes:.0f}"]
        assert measured == cells


def recipes() -> str:
    """The section with the table of recipes."""
    (section,) = (one for one in sections(PORTUGUESE) if "| `vgg3-plain` |" in one)
    return section


def test_each_readme_leads_to_the_other() -> None:
    assert "(README.pt.md)" in ENGLISH
    assert "(README.md)" in PORTUGUESE
