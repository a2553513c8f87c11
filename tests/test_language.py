"""Every sentence has its translation, and a translation says what the sentence says."""

from __future__ import annotations

import ast
import io
import re
import string
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from model.i18n import number_format, translations
from model.i18n.translations import CATALOGUES, LANGUAGES

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "dashboard", "training")
MARKS = ("_", "gettext", "ngettext", "marked")
OTHERS = [name for name in LANGUAGES if name != translations.ENGLISH]
# What Streamlit's functions show as it is given to them.
SHOWN = {
    *("title", "header", "subheader", "markdown", "caption", "write", "text", "info", "warning", "error", "success"),
    *("button", "download_button", "link_button", "toggle", "checkbox", "radio", "selectbox", "multiselect", "slider"),
    *("select_slider", "text_input", "text_area", "number_input", "file_uploader", "camera_input", "pills"),
    *("segmented_control", "expander", "popover", "spinner", "progress", "metric", "badge", "toast", "status", "tabs"),
}
SHOWN_KEYWORDS = {"help", "placeholder", "alt", "label", "title"}


def sentences() -> dict[str | tuple[str, ...], None]:
    """Every string of ours that is marked for the catalogues, as Babel finds them."""
    keywords: dict[str, Any] = {**DEFAULT_KEYWORDS, "marked": None}
    found = (
        found
        for package in PACKAGES
        for found in extract_from_dir(ROOT / package, [("**.py", "python")], None, keywords)
    )
    return {message: None for _, _, message, _, _ in found}


def written(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string that a call in the code marks for the catalogues, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def test_babel_finds_every_sentence() -> None:
    """It does not look into f-strings before Python 3.12."""
    known = {message if isinstance(message, str) else message[0] for message in sentences()}
    lost = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in written(ast.parse(path.read_text("utf-8")))
        if text not in known
    ]
    assert not lost, "\n".join(lost)


def read(name: str) -> Catalog:
    with (CATALOGUES / name / "LC_MESSAGES" / "vitrine.po").open("rb") as file:
        return read_po(file, locale=name)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Each translated form beside the English one that has all its places."""
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    for translated in strings:
        yield ids[-1], translated


def places(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("name", OTHERS)
def test_every_sentence_has_its_translation(name: str) -> None:
    catalogue = read(name)
    translated = {message.id for message in catalogue if message.id and all(text for _, text in forms(message))}
    wanted = sentences()
    assert len(wanted) > 200
    assert not [message for message in wanted if message not in translated]
    assert not [message for message in translated if message not in wanted], "no longer in the code"
    assert not [message.id for message in catalogue if message.fuzzy and message.id]


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_has_the_places_of_its_sentence(name: str) -> None:
    for message in read(name):
        if message.id:
            for english, translated in forms(message):
                assert places(translated) <= places(english), message.id
                assert isinstance(message.id, tuple) or places(translated) == places(english), message.id


def bare_strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings with letters that go to the page without passing through `_`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = list(node.args[:1]) if name in SHOWN else []
        given += [word.value for word in node.keywords if word.arg in SHOWN_KEYWORDS]
        for value in given:
            yield from ((value.lineno, text) for text in words_in(value))


def words_in(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield from [value.value] if is_sentence(value.value) else []
    elif isinstance(value, ast.JoinedStr):
        literal = "{}".join(part.value for part in value.values if isinstance(part, ast.Constant))
        yield from [literal] if is_sentence(literal) else []
    elif isinstance(value, ast.IfExp):
        yield from words_in(value.body)
        yield from words_in(value.orelse)
    elif isinstance(value, ast.BinOp):
        yield from words_in(value.left)
        yield from words_in(value.right)


def is_sentence(text: str) -> bool:
    """Whether a person reads words in it: file types, icons, colours and signs are the same in every language."""
    bare = re.sub(r":[a-z_/]+:|:[a-z]+\[|[*·:;,.()|`\]{}]", " ", text)
    return any(
        word.isalpha() and word not in {"CSV", "JSON", "ms", "x", "Vitrine", "MB", "SHA"} for word in bare.split()
    )


def test_no_string_goes_to_the_page_untranslated() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / "dashboard").rglob("*.py"))
        for line, text in bare_strings(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n".join(found)


def test_the_check_finds_a_bare_string() -> None:
    tree = ast.parse('st.button("Press me", help=f"twice {x}")\nst.caption(_("Fine"))\nst.metric(":material/star:", 3)')
    assert {text for _, text in bare_strings(tree)} == {"Press me", "twice "}


@pytest.fixture
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations._LanguageProvider, "language", staticmethod(lambda: "pt"))


@pytest.mark.usefixtures("portuguese")
def test_numbers_plurals_and_class_names_are_portuguese() -> None:
    from dashboard.presenters.phrases import headline, percent
    from model.datasets.cifar10 import CIFAR10_CLASSES
    from model.datasets.display_names import test_set_title
    from model.inference.prediction import Prediction

    assert number_format.decimal(97.06) == "97,1"
    assert percent(0.9966) == "99,7%"
    assert [translations.gettext(name) for name in CIFAR10_CLASSES] == (
        ["avião", "automóvel", "pássaro", "gato", "cervo", "cachorro", "sapo", "cavalo", "navio", "caminhão"]
    )
    assert test_set_title("cifar10 test, all 10,000") == "CIFAR-10, todas as 10.000 imagens de teste"
    shares = [0.9 if name == "frog" else 0.01 for name in CIFAR10_CLASSES]
    sure = Prediction.from_probabilities(shares, CIFAR10_CLASSES, "net", 1.0)
    one = "Removed {name} and its earlier version.", "Removed {name} and its {count} earlier versions."
    assert [translations.ngettext(*one, count).partition(" ")[2][:13] for count in (1, 2)] == [
        "e sua versão ",
        "e suas {count",
    ]
    assert headline(sure) == "Sapo"


def test_a_thread_speaks_the_language_of_who_asked_for_its_work() -> None:
    found = []

    def work() -> None:
        with translations.use_language("pt"):
            found.append(translations.gettext("Undo"))
        found.append(translations.gettext("Undo"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] not in ("", "Undo")
    assert found[1] == translations.gettext("Undo") == "Undo"


@pytest.mark.usefixtures("portuguese")
def test_a_refused_picture_is_refused_in_portuguese() -> None:
    from model.images.decoder import InvalidImage, read_image

    with pytest.raises(InvalidImage, match="Este arquivo não é uma imagem: ele começa como um PDF"):
        read_image(b"%PDF-1.4 and more")


@pytest.mark.usefixtures("portuguese")
def test_a_file_looked_at_in_another_process_is_refused_in_portuguese(tmp_path: Path) -> None:
    from model.common.errors import StoreError
    from model.intake.add_model import ModelOptions, add_file

    path = tmp_path / "bad.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    with pytest.raises(StoreError, match=r"bad\.tflite não foi guardado: ele contém 0 grafos; um é aceito"):
        add_file(path, ModelOptions("", "cat,dog", "", 0))


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("pt-BR", "pt"), ("pt", "pt"), ("PT_pt", "pt"), ("en-GB", "en"), ("de-DE", "en"), ("", "en"), (None, "en")],
)
def test_the_browsers_language_is_followed_where_it_is_ours(locale: str | None, expected: str) -> None:
    from dashboard.services.visitor_language import match_language

    assert match_language(locale) == expected


def test_a_language_that_is_not_ours_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations._LanguageProvider, "language", staticmethod(lambda: "../../etc"))
    assert translations.current_language() == "en"
    assert translations.gettext("Undo") == "Undo"


def test_a_catalogue_is_one_that_gettext_reads() -> None:
    from babel.messages.mofile import write_mo

    for name in OTHERS:
        write_mo(io.BytesIO(), read(name))
        assert translations.catalogue(name).gettext("Undo") not in ("", "Undo")
