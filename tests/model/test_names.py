from __future__ import annotations

from pathlib import Path

import pytest

from model.names import NamesError, classes_from, read_names, rename_classes


def write(folder: Path, content: str) -> Path:
    (folder / "names.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    return folder / "names.json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('["Katze", "Hund"]', ("Katze", "Hund")),
        ('{"0": "Katze", "1": "Hund"}', ("Katze", "Hund")),
        ('{"1": "Katze", "2": "Hund"}', ("Katze", "Hund")),
        ('{"cat": "Katze", "dog": "Hund"}', ("Katze", "Hund")),
        ('{"dog": "Hund"}', ("cat", "Hund")),
        ('{"1": "Hund"}', ("cat", "Hund")),
    ],
)
def test_names_by_position_number_or_label(tmp_path: Path, content: str, expected: tuple[str, ...]) -> None:
    assert rename_classes(("cat", "dog"), read_names(write(tmp_path, content))) == expected


def test_labels_that_are_numbers_are_labels() -> None:
    """A network whose classes are folders named 1 to 3, in the order of their names as text."""
    names = {"1": "rose", "2": "tulip", "10": "lily"}
    assert rename_classes(("1", "10", "2"), names) == ("rose", "lily", "tulip")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no JSON file"),
        ("[" * 100_000, "is no JSON file"),
        ("\ud800", "is no JSON file"),
        ("3", "should hold a list of names, or an object"),
        ('["cat", 7]', "'7' cannot be the name of a class"),
        ('["cat", ""]', "'' cannot be the name of a class"),
        ('{"0": "\\u001b[31mred"}', "cannot be the name of a class"),
        (f'["{"x" * 500}"]', "cannot be the name of a class"),
    ],
)
def test_a_file_of_no_names_is_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(NamesError) as caught:
        read_names(write(tmp_path, content))
    assert words in str(caught.value)


def test_a_missing_file_and_a_wrong_count_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(NamesError, match="cannot be read: No such file"):
        read_names(tmp_path / "names.json")
    with pytest.raises(NamesError, match="there are 3 names for 2 classes"):
        rename_classes(("cat", "dog"), ["a", "b", "c"])


def test_classes_of_a_new_model(tmp_path: Path) -> None:
    assert classes_from("", 3) == ("class0", "class1", "class2")
    assert classes_from("cat, dog", 2) == ("cat", "dog")
    assert classes_from(str(write(tmp_path, '{"0": "cat", "1": "dog"}')), 2) == ("cat", "dog")
    with pytest.raises(NamesError, match=r"there are 2 names \(cat, dog\) for a network with 3 classes"):
        classes_from("cat,dog", 3)
    with pytest.raises(NamesError, match="two classes are called 'cat'"):
        classes_from("cat,cat", 2)
    with pytest.raises(NamesError, match="cannot be the name of a class"):
        classes_from("cat,", 2)
