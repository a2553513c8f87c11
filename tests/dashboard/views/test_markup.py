"""Whatever a file, a folder or an address says is shown as it stands: no page takes it for Markdown or HTML."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from dashboard.presenters import robustness_text
from dashboard.presenters.charts import escape_for_plotly
from dashboard.presenters.phrases import escape_markdown
from dashboard.presenters.test_set_figures import gain_chart
from model.explanation.robustness import Trial
from model.history import prediction_log
from model.inference.prediction import Prediction
from model.registry.card import INT8_FILE, write_card
from tests.drawn import encode, picture
from tests.shipped import FAST_CARD, FAST_INT8

MARKUP = "<img src=x onerror=y><b>[l](http:u):red[r]**zz**`c`:material-x:www.a.b"
RAW = re.compile(r"(?<!\\)(<img|<b>|\[l|\]\(http|:red|\*\*zz|`c|:material-x|www\.)")
TAG = re.compile(r"(<|\\u003c)(img|b)\b")  # in HTML, and in the JSON of a figure
# What Streamlit shows as text, by the kind of a message and its field; the rest is Markdown until proven otherwise.
TEXT = {
    ("Selectbox", "options"),
    ("Selectbox", "raw_value"),
    ("Selectbox", "placeholder"),
    ("TextInput", "default"),
    ("TextInput", "value"),
    ("Dataframe", "columns"),
}
NEVER_SHOWN = {"id", "element_id", "key", "url", "form_id", "alt", "query_string", "query_param_key", "file_name"}
# Texts that our own scripts set as `textContent`, or that Streamlit draws on a canvas.
OTHERWISE = {"arrow_data_frame", "ArrowDataFrame", "BidiComponent", "Arrow"}


def named(number: int) -> str:
    """A name with markup in it, another one for each number."""
    return f"{number}{MARKUP}"


NETWORK = named(20)


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose network, runs and data folder have markup wherever a file can have a text."""
    home = tmp_path / "home"
    monkeypatch.setenv("VITRINE_HOME", str(home))
    classes = tuple(named(number) for number in range(10))
    bundle = home / "bundles" / NETWORK
    bundle.mkdir(parents=True)
    shutil.copy(FAST_INT8, bundle / INT8_FILE)
    accuracy = {f"{MARKUP} test, all 10": {"n": 10, "int8": 0.5}}
    texts = dict.fromkeys(("name", "recipe", "dataset", "date"), MARKUP)
    write_card(bundle, replace(FAST_CARD, classes=classes, accuracy=accuracy, ece=accuracy, **texts))
    broken = home / "bundles" / named(21)
    broken.mkdir()
    (broken / "card.json").write_text(MARKUP)
    for number in (1, 2):
        run = home / "runs" / named(number)
        run.mkdir(parents=True)
        quoted = json.dumps(MARKUP)
        (run / "recipe.toml").write_text(
            f"name = {quoted}\ndescription = {quoted}\nreported = {quoted}\nepochs = {9 + number}\nmodel = {quoted}\n"
        )
        (run / "metrics.json").write_text(json.dumps({"status": MARKUP, "model": MARKUP, "test": {MARKUP: MARKUP}}))
        columns = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n"
        (run / "history.csv").write_text(columns + "".join(f"{n},1,0.5,1,0.5,0.1,9\n" for n in range(1, 6)))
        (run / "output.txt").write_text(f"Error: {MARKUP}\n")
    folder = home / named(30)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        picture(number, 32).save(folder / name / f"{number}.png")
    (home / "folders.json").write_text(json.dumps([str(folder)]))
    return home


def texts(message: Message, kind: str) -> Iterator[tuple[str, str, str]]:
    """Every text that is sent to the browser for an element: the kind of message, its field, the text."""
    for field, value in message.ListFields():
        if field.message_type is None:
            if field.type == field.TYPE_STRING:
                yield from ((kind, field.name, text) for text in ([value] if isinstance(value, str) else value))
        elif field.name not in OTHERWISE:
            members = [value] if isinstance(value, Message) else value.values() if hasattr(value, "values") else value
            for member in members:
                if isinstance(member, Message):
                    yield from texts(member, field.name)


def protos(node: Any) -> Iterator[Message]:
    """The messages of all elements and blocks of a page."""
    if isinstance(getattr(node, "proto", None), Message):
        yield node.proto
    for child in getattr(node, "children", {}).values():
        yield from protos(child)


def all_texts(test: AppTest) -> list[tuple[str, str, str]]:
    assert not test.exception
    return [found for proto in protos(test._tree) for found in texts(proto, type(proto).__name__)]


def raw(test: AppTest) -> list[tuple[str, str, str]]:
    """The texts of a page that a browser would not show as they stand."""
    return [
        (kind, field, text)
        for kind, field, text in all_texts(test)
        if (TAG if field == "spec" or kind == "Html" else RAW).search(text)
        and field not in NEVER_SHOWN
        and (kind, field) not in TEXT
        and kind not in OTHERWISE
    ]


def says(test: AppTest, text: str) -> bool:
    return any(text in found for _kind, _field, found in all_texts(test))


def visit(view: str = "", **query: str) -> AppTest:
    """A page of the network with markup in its name."""
    test = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=300)
    for key, value in ({"model": NETWORK} | query).items():
        test.query_params[key] = value
    test.run()
    if view:
        test.switch_page(f"views/{view}.py")
        for key, value in ({"model": NETWORK} | query).items():
            test.query_params[key] = value
        test.run()
    return test


def test_a_picture_and_its_answer() -> None:
    test = visit()
    assert raw(test) == []
    test.file_uploader[0].upload(f"{MARKUP}.png", encode(picture(0), "PNG")).run()
    assert says(test, escape_markdown(MARKUP))
    assert raw(test) == []
    test.file_uploader[0].upload(f"{MARKUP}2.png", encode(picture(1), "PNG"))
    test.file_uploader[0].upload(f"{MARKUP}3.png", b"").run()
    assert says(test, escape_markdown(f"{MARKUP}3.png"))
    assert raw(test) == []


def test_a_run() -> None:
    test = visit("training")
    assert says(test, f"**{escape_markdown(named(2))}** · {escape_markdown(MARKUP)}")  # its name, its status
    assert raw(test) == []


def test_a_run_that_is_gone() -> None:
    test = visit("training")
    test.button(key=f"remove-{named(2)}").click().run()
    assert says(test, escape_markdown(named(2)))
    assert raw(test) == []


def test_a_network() -> None:
    test = visit("models", name=NETWORK)
    assert says(test, escape_markdown(named(0)[:40]))  # a class
    assert says(test, escape_markdown(f"right on {MARKUP}")[:20])
    assert raw(test) == []


def test_two_networks() -> None:
    test = visit("compare", first=f"{NETWORK}:int8", second="fast:int8", sample="frog-brown.png")
    assert says(test, escape_markdown(NETWORK))
    assert raw(test) == []


@pytest.mark.parametrize("view", ["gallery", "evaluation"])
def test_a_data_folder(view: str) -> None:
    test = visit(view, set=named(30))
    assert raw(test) == []
    asking = next(button for button in test.button if (button.key or "").startswith("ask-"))
    assert escape_markdown(NETWORK) in asking.label
    asking.click().run()
    assert raw(test) == []


def test_a_data_folder_whose_classes_are_others() -> None:
    test = visit("evaluation", set=named(30), model="fast")
    assert says(test, escape_markdown(named(30)))
    assert raw(test) == []


def test_what_was_kept() -> None:
    prediction = Prediction.from_probabilities([0.75, 0.25], (named(0), named(1)), MARKUP, 1.0)
    content = encode(picture(0), "PNG")
    number = prediction_log.save_answer(content, prediction, "")
    prediction_log.record_feedback(number, hashlib.sha256(content).hexdigest(), named(1))
    test = visit("history")
    assert says(test, f"**{escape_markdown(MARKUP)}**")
    assert raw(test) == []


@pytest.mark.parametrize("query", [{"model": MARKUP}, {"sample": MARKUP}, {"set": MARKUP, "picture": "0"}])
def test_an_address(query: dict[str, str]) -> None:
    test = visit(**query)
    assert test.warning or test.error
    assert raw(test) == []


def test_figures() -> None:
    classes = (named(0), named(1))
    trial = Trial("moved", 0.1, np.zeros((8, 8, 3), np.uint8), np.array([0.25, 0.75]))
    figures = (gain_chart(classes, [0.1, -0.1], [0, 1]), robustness_text.change_chart([trial], 0, classes))
    assert [figure.to_json() for figure in figures if TAG.search(figure.to_json())] == []


def test_what_plotly_would_read_is_spelled_out() -> None:
    assert escape_for_plotly("<b>&amp; %{y}") == "&lt;b&gt;&amp;amp; %&#123;y}"


@pytest.mark.parametrize("text", ["http://a.b", "HTTPS://a.b", "www.a.b", "me@a.b", ":smile:", ":material/a:", ":+1:"])
def test_what_is_made_of_a_text_once_markdown_is_read_is_not_made_of_a_name(text: str) -> None:
    """The patterns are those of the page's own script, which looks for them in text that no backslash is left in."""
    made = re.compile(r"(?i)(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+\.[-\w]+|:material[_/]\w+:|:[\w+-]+:")
    unescaped = re.sub(r"\\(.)", r"\1", escape_markdown(f"a {text} b"))
    assert made.search(f"a {text} b")
    assert not made.search(unescaped)
    assert unescaped.replace("\u2060", "") == f"a {text} b"


def test_a_name_stays_on_one_line() -> None:
    assert escape_markdown("a\n\n# b\r\n- c") == r"a  \# b \- c"
