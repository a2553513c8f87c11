"""The Portuguese documents say what the English ones say: the same commands, settings, pictures and figures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.documents import ENGLISH, PORTUGUESE, portuguese_of
from training.runs.series import recipe_results

FOR_DEVELOPERS = {"CONTRIBUTING.md", "docs/architecture.md", "docs/keras2.md"}  # in English alone
TWINS = {path: portuguese_of(path) for path in ENGLISH if path not in FOR_DEVELOPERS}
CODE = re.compile(r"^    \S[^\n]*$|^```.*?^```", re.MULTILINE | re.DOTALL)
TWIN_LINK = re.compile(r"^\[(?:English|Português)\].*$", re.MULTILINE)
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


def levels(text: str) -> list[str]:
    return [HEADING.match(one)[0] for one in sections(text)]  # type: ignore[index]


def test_every_document_has_its_twin() -> None:
    assert set(TWINS.values()) == set(PORTUGUESE)


@pytest.mark.parametrize("path", TWINS)
def test_the_sections_are_the_same(path: str) -> None:
    assert levels(ENGLISH[path]) == levels(PORTUGUESE[TWINS[path]])


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [pair for path in TWINS for pair in zip(sections(ENGLISH[path]), sections(PORTUGUESE[TWINS[path]]), strict=False)],
    ids=lambda one: one[:20],
)
def test_a_section_has_the_same_commands_names_and_figures(english: str, portuguese: str) -> None:
    assert code(english) == code(portuguese)
    prose = [CODE.sub("", one) for one in (english, portuguese)]
    names = [set(re.findall(r"`([^`]+)`", one)) for one in prose]
    assert names[0] == names[1]
    prose = [re.sub(r"`[^`]+`|(Python|arXiv) [0-9.]+", "", one) for one in prose]
    assert figures(prose[0], ".") == figures(prose[1], ",")
    for pattern in (r"\]\([^)#]*?([\w.-]+\.(?:md|png))\)", r"<(http[^>]*)>"):
        found = [re.findall(pattern, TWIN_LINK.sub("", one)) for one in (english, portuguese)]
        assert found[0] == found[1]


def test_the_table_of_recipes_has_the_measured_figures() -> None:
    rows = {
        name: row.split(" | ") for name, row in re.findall(r"^\| `([\w-]+)` \| (.* \| .*) \|$", recipes(), re.MULTILINE)
    }
    found = recipe_results()
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
    (section,) = (one for one in sections(PORTUGUESE["docs/pt/training.md"]) if "| `vgg3-plain` |" in one)
    return section


@pytest.mark.parametrize("path", TWINS)
def test_each_document_leads_to_its_twin(path: str) -> None:
    way = "" if path == "README.md" else "pt/"
    assert f"[Português]({way}{Path(TWINS[path]).name})" in ENGLISH[path]
    assert f"[English]({'' if path == 'README.md' else '../'}{Path(path).name})" in PORTUGUESE[TWINS[path]]
