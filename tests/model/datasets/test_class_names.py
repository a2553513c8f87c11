from __future__ import annotations

from pathlib import Path

import pytest

from model.datasets.class_name_files import NamesError, read_names
from model.datasets.class_names import parse_typed_names, rename_classes, resolve_class_names


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
        ('{"01": "Katze", "02": "Hund"}', ("Katze", "Hund")),
        ('{"00": "Katze", "01": "Hund"}', ("Katze", "Hund")),
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
        ("\ud800", "is no text in UTF-8"),
        ("3", "should hold a list of names, or an object"),
        ("{}", "should hold a list of names, or an object"),
        ('{"cat": 0, "dog": 0}', "gives the number 0 to two classes"),
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


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("labels.txt", b"0 Rock\n1 Paper\n2 Scissors\n", ("Rock", "Paper", "Scissors")),
        ("labels.txt", b"2: Scissors\n0: Rock\n1: Paper\n", ("Rock", "Paper", "Scissors")),
        ("labels.txt", b"1. Rock\r\n2. Paper\r\n3. Scissors\r\n\r\n\r\n", ("Rock", "Paper", "Scissors")),
        ("labels.txt", b"1\tRock\n2\tPaper\n3\tScissors", ("Rock", "Paper", "Scissors")),
        ("labels.txt", b"1 euro\n2 euro\n3 euro\n", ("1 euro", "2 euro", "3 euro")),
        ("labels.txt", b"10 reais\n20 reais\n50 reais\n", ("10 reais", "20 reais", "50 reais")),
        ("labels.txt", b"\xef\xbb\xbfrock\npaper\nscissors\n", ("rock", "paper", "scissors")),
        ("labels.txt", "a\u0327a\u0303o\ncão\nmaçã\n".encode("utf-16"), ("a\u0327ão", "cão", "maçã")),
        ("labels", b'["rock", "paper", "scissors"]', ("rock", "paper", "scissors")),
        ("synset_words.txt", b"n01440764 tench\nn01443537 goldfish\nn01484850 shark", ("tench", "goldfish", "shark")),
        ("index.json", b'{"0": ["n1", "tench"], "2": ["n3", "shark"], "1": ["n2", "ray"]}', ("tench", "ray", "shark")),
        ("pairs.json", b'[["n1", "tench"], ["n2", "ray"], ["n3", "shark"]]', ("tench", "ray", "shark")),
        ("indices.json", b'\xef\xbb\xbf{"day": 1, "night": 0, "dusk": 2}\r\n', ("night", "day", "dusk")),
        ("indices.json", b'{"day": "2", "night": "1", "dusk": "3"}', ("night", "day", "dusk")),
        ("names.csv", b'number,name\n0,rock\n1,"paper, white"\n2,scissors\n', ("rock", "paper, white", "scissors")),
        ("names.csv", b"rock;1\nscissors;3\npaper;2\n", ("rock", "paper", "scissors")),
        ("labels.txt", b'"rock",\n"paper",\n"scissors"\n', ("rock", "paper", "scissors")),
        ("labels.txt", b"- rock\n- paper\n- scissors\n", ("rock", "paper", "scissors")),
        ("labels.txt", b"rock, paper, scissors\n", ("rock", "paper", "scissors")),
        ("labels.txt", b"\n\nrock\npaper\nscissors\n", ("rock", "paper", "scissors")),
        ("labels.txt", b"0 - rock\n1 -> paper\n2=scissors\n", ("rock", "paper", "scissors")),
        ("labels.txt", b'0 "rock"\n1 "paper"\n2 "scissors"\n', ("rock", "paper", "scissors")),
        ("labels.txt", b"paper\t1\nrock\t0\nscissors\t2\n", ("rock", "paper", "scissors")),
        ("labels.txt", b"paper: 2\nrock: 1\nscissors: 3\n", ("rock", "paper", "scissors")),
        ("labels.txt", b"level 0\nlevel 1\nlevel 2\n", ("level 0", "level 1", "level 2")),
        ("labels.txt", b"Soyuz 2\nApollo 1\nAriane 3\n", ("Soyuz 2", "Apollo 1", "Ariane 3")),
        ("labels.txt", b"0.5 mm\n1.5 mm\n2.5 mm\n", ("0.5 mm", "1.5 mm", "2.5 mm")),
        ("labels.txt", b"{0: 'tench, carp',\n 1: 'ray', 2: \"shark's\"}", ("tench, carp", "ray", "shark's")),
        ("config.json", b'{"id2label": {"0": "day", "1": "dusk", "2": "night"}}', ("day", "dusk", "night")),
        ("classes.json", b'{"classes": ["day", "dusk", "night"]}', ("day", "dusk", "night")),
        (
            "categories.json",
            b'[{"id": 3, "name": "night"}, {"id": 1, "name": "day"}, {"id": 2, "name": "dusk"}]',
            ("day", "dusk", "night"),
        ),
        ("names.csv", b"rock,paper,scissors\n", ("rock", "paper", "scissors")),
        ("names.csv", b"id,name,colour\n1,paper,white\n0,rock,grey\n2,scissors,red\n", ("rock", "paper", "scissors")),
        (
            "labels.txt",
            "golden\u00a0retriever\nکتاب\u200cخانه\n👨\u200d👩\u200d👧".encode(),
            ("golden retriever", "کتاب\u200cخانه", "👨\u200d👩\u200d👧"),
        ),
        ("names.csv", b"label\nrock\npaper\nscissors\n", ("rock", "paper", "scissors")),
    ],
)
def test_files_of_names_as_people_have_them(
    tmp_path: Path, file: str, content: bytes, expected: tuple[str, ...]
) -> None:
    (tmp_path / file).write_bytes(content)
    assert resolve_class_names(str(tmp_path / file), 3) == expected
    assert rename_classes(("a", "b", "c"), read_names(tmp_path / file)) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "labels.txt is empty"),
        (b"rock\n\npaper\n", "'' cannot be the name of a class"),
        (b"TFL3\x00\x01\x02", "cannot be the name of a class"),
        (b"\xe7\xe3o\n", "is no text in UTF-8"),
        (b"0 rock\n1 paper\n", r"there are 2 names (rock, paper) for a network with 3 classes"),
        (b"x" * (4 * 2**20 + 1), "has more than 4 MB"),
    ],
)
def test_a_file_of_lines_that_are_no_names_is_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(NamesError) as caught:
        resolve_class_names(str(tmp_path / "labels.txt"), 3)
    assert words in str(caught.value)


def test_names_for_other_classes_are_a_sentence() -> None:
    with pytest.raises(NamesError, match="no class has one of the labels or numbers frog; the classes: cat, dog"):
        rename_classes(("cat", "dog"), {"frog": "Frosch"})
    with pytest.raises(NamesError, match="there are 3 names for 2 classes"):
        rename_classes(("cat", "dog"), {"0": "a", "1": "b", "2": "c"})


def test_labels_and_names_may_have_their_accents_in_another_form() -> None:
    assert rename_classes(("cão", "pássaro"), {"ca\u0303o": "dog"}) == ("dog", "pássaro")


def test_classes_of_one_name_are_told_apart_and_it_is_said() -> None:
    said: list[str] = []
    names = ["crane", "crane 2", "crane", "maillot", "crane"]
    assert rename_classes("abcde", names, said.append) == ("crane", "crane 2", "crane 3", "maillot", "crane 4")
    assert said == ["several classes are called crane; they are told apart by a number after the name, as in 'crane 2'"]


@pytest.mark.parametrize(
    "path", ["labels.txt", "/data/labels", "C:\\names.csv", "./names", "~/names", "data/", "cat,/tmp/x.json", "x.keras"]
)
def test_a_path_is_never_a_class(path: str) -> None:
    with pytest.raises(NamesError, match="is no file that is here, and a path is no class"):
        resolve_class_names(path, 1 + path.count(","))


def test_names_that_are_typed_read_no_file(tmp_path: Path) -> None:
    with pytest.raises(NamesError, match="is no file that is here"):
        parse_typed_names(str(write(tmp_path, '["cat", "dog"]')))
    assert parse_typed_names("n/a, St. John, 3.5 mm") == ["n/a", "St. John", "3.5 mm"]


def test_classes_of_a_new_model(tmp_path: Path) -> None:
    assert resolve_class_names("", 3) == ("class0", "class1", "class2")
    assert resolve_class_names("cat, dog", 2) == ("cat", "dog")
    assert resolve_class_names(str(write(tmp_path, '{"0": "cat", "1": "dog"}')), 2) == ("cat", "dog")
    assert resolve_class_names('["cat", "dog"]', 2) == ("cat", "dog")
    with pytest.raises(NamesError, match=r"there are 2 names \(cat, dog\) for a network with 3 classes"):
        resolve_class_names("cat,dog", 3)
    assert resolve_class_names("cat,cat", 2) == ("cat", "cat 2")
    with pytest.raises(NamesError, match="cannot be the name of a class"):
        resolve_class_names("cat,", 2)
