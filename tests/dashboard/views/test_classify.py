"""The pages' states, without a browser, with the shipped bundle."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from dashboard.presenters.phrases import escape_markdown
from model.images.samples import FOLDER, Sample
from model.inference.classifier import Classifier
from model.registry.card import KERAS_FILE, KnownRule, SetRule, read_card, write_card
from model.registry.resolution import DEFAULT
from tests.dashboard.page_visit import SAMPLES, texts, tiles, visit, visit_page
from tests.drawn import encode, picture
from tests.hostile import BAD, odd
from tests.shipped import FAST, FAST_CARD


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_empty_page_waits_for_a_picture() -> None:
    test = visit()
    assert not test.exception
    assert "What will it be?" in texts(test)
    assert tiles(test) == [*("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"model": "nobody"}, f"There is no network 'nobody' here: the default answers, {DEFAULT}."),
        ({"sample": "../../etc/passwd"}, "There is no sample '../../etc/passwd' here; choose one of these."),
    ],
)
def test_an_address_that_names_what_is_not_here_is_a_sentence(query: dict[str, str], sentence: str) -> None:
    test = visit(**query)
    assert not test.exception
    assert [element.value.replace("\\", "") for element in test.warning] == [sentence]
    assert "What will it be?" in texts(test)
    assert not visit(model="fast", sample="frog-brown.png").warning


def test_one_upload_shows_headline_words_and_number() -> None:
    test = visit()
    test.file_uploader[0].upload("horse.jpg", (SAMPLES / "horse-zaniskari.jpg").read_bytes()).run()
    assert not test.exception
    assert test.subheader[0].value == "Horse"
    assert "% sure" in texts(test)
    assert f" ms · {DEFAULT}" in texts(test)


def test_of_a_thousand_classes_ten_are_drawn_and_none_is_called_wrong_by_another_name() -> None:
    test = visit(model="imagenet", sample="horse-zaniskari.jpg")
    assert not test.exception
    shown = texts(test)
    assert "sorrel horse" in test.subheader[0].value
    assert "it is a horse" in shown and "wrong" not in shown
    assert "The 10 likeliest classes; the table has all 1,000." in shown
    assert len(test.dataframe[0].value) == 1000


def test_a_picture_that_was_brightened_says_so() -> None:
    test, dim = visit(), encode(Image.fromarray(np.full((40, 40), 3000, np.uint16)), "PNG")
    test.file_uploader[0].upload("microscope.png", dim).run()
    assert [warning.value for warning in test.warning] == [
        escape_markdown("No value in this 16-bit file is above 3000: it was brightened as a picture of 12 bits.")
    ]
    test = visit()
    test.file_uploader[0].upload("microscope.png", dim)
    test.file_uploader[0].upload("plain.png", encode(picture(0), "PNG")).run()
    assert "of 12 bits" in test.dataframe[-1].value.set_index("file").loc["microscope.png", "problem"]


def test_the_table_twin_holds_all_ten_sorted() -> None:
    test = visit(sample="horse-zaniskari.jpg")
    table = test.dataframe[0].value
    assert len(table) == 10
    assert list(table["probability"]) == sorted(table["probability"], reverse=True)
    assert table["probability"].sum() == pytest.approx(1, abs=1e-5)


def test_a_sample_and_then_an_upload_shows_the_upload() -> None:
    test = visit()
    test.button(key=Sample(FOLDER / "frog-brown.png").css_key).click().run()
    assert test.query_params["sample"] == "frog-brown.png"
    test.file_uploader[0].upload("mine.png", encode(picture(0), "PNG")).run()
    assert "sample" not in test.query_params
    assert not test.exception


def test_many_uploads_make_a_table_of_all_and_a_tile_of_each_good_one() -> None:
    test = visit()
    for number in range(3):
        test.file_uploader[0].upload(f"{number}.png", encode(picture(number), "PNG"))
    test.file_uploader[0].upload("empty.png", b"")
    test.run()
    assert not test.exception
    assert r"This file is empty\." in texts(test)  # the sentence may hold a name from outside: no Markdown
    assert len(tiles(test, "tile-many")) == 3
    assert list(test.dataframe[-1].value["file"]) == ["0.png", "1.png", "2.png", "empty.png"]


def test_the_opened_picture_stays_when_the_order_changes() -> None:
    test = visit(model="fast")
    for number in range(4):
        test.file_uploader[0].upload(f"{number}.png", encode(picture(number), "PNG"))
    test.run()
    test.button(key="tile-many-2").click().run()

    def opened() -> tuple[int, str]:
        """The place and the name of the tile with a frame."""
        styles = "".join(element.proto.body for element in test.get("html"))
        (place,) = re.findall(r"st-key-tile-many-(\d+) button { outline", styles)
        return int(place), str(test.button(key=f"tile-many-{place}").help)

    place, name = opened()
    assert place == 2
    test.selectbox(key="model").select("small").run()
    assert not test.exception
    assert opened()[1] == name and opened()[0] != 2


def test_every_bad_file_gets_its_sentence_and_every_odd_one_an_answer() -> None:
    test = visit()
    for number, (content, _) in enumerate(BAD):
        test.file_uploader[0].upload(f"bad-{number}.jpg", content)
    for name, content in odd().items():
        test.file_uploader[0].upload(name, content)
    test.run()
    assert not test.exception
    shown = texts(test)
    assert [words for _, words in BAD if escape_markdown(words) not in shown] == []
    table = test.dataframe[-1].value.set_index("file")
    assert table.loc[list(odd()), "problem"].isna().all()
    assert table.loc[list(odd()), "class"].notna().all()


def test_pictures_of_none_of_the_classes_are_a_group_of_their_own(own_home: Path) -> None:
    horse, noise = (SAMPLES / "horse-zaniskari.jpg").read_bytes(), encode(picture(1), "PNG")
    sure, unsure = sorted(
        (Classifier.load(FAST).classify(content).prediction.best.probability for content in (horse, noise)),
        reverse=True,
    )
    between = (sure + unsure) / 2
    folder = own_home / "bundles" / "mine"
    shutil.copytree(FAST, folder)
    rule = KnownRule("probability", between, between - (between - unsure) / 2)
    write_card(folder, replace(FAST_CARD, name="mine", known=rule))
    test = visit(model="mine")
    for name, content in (("horse.jpg", horse), ("noise.png", noise)):
        test.file_uploader[0].upload(name, content)
    test.run()
    assert not test.exception
    group = test.segmented_control(key="group")
    assert group.options == ["All 2", "1 of the classes", "1 probably of none"]
    assert [tile.startswith("none? like ") for tile in tiles(test, "tile-many-")] == [False, True]
    for chosen, none in (("known", False), ("unknown", True)):
        test.segmented_control(key="group").set_value(chosen).run()
        (tile,) = tiles(test, "tile-many-")
        assert tile.startswith("none? like ") is none


def test_clear_empties_the_page() -> None:
    test = visit()
    for number in range(2):
        test.file_uploader[0].upload(f"{number}.png", encode(picture(number), "PNG"))
    test.run()
    next(button for button in test.button if button.label == "Clear").click().run()
    assert "What will it be?" in texts(test)


@pytest.mark.parametrize("path", sorted(path.name for path in SAMPLES.iterdir() if path.suffix in {".png", ".jpg"}))
def test_every_sample_gets_an_answer_in_the_gallery(path: str) -> None:
    test = visit_page("gallery", picture=path)
    assert not test.exception
    assert f"it is a{'n' if path[0] == 'a' else ''} {path.partition('-')[0]}" in texts(test)


def test_gallery_without_a_choice_shows_every_sample() -> None:
    test = visit_page("gallery")
    assert len(tiles(test)) >= 12


def test_a_broken_bundle_is_a_sentence(own_home: Path) -> None:
    folder = own_home / "bundles" / "mine"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{")
    test = visit(model="mine")
    assert not test.exception
    assert "is not a card of this version" in texts(test).replace("\\", "")


def test_a_network_that_does_not_load_is_a_sentence(own_home: Path) -> None:
    folder = own_home / "bundles" / "mine"
    folder.mkdir(parents=True)
    (folder / KERAS_FILE).write_bytes(b"not a network")
    write_card(folder, replace(FAST_CARD, name="mine"))
    test = visit(model="mine", sample="frog-brown.png")
    assert not test.exception
    assert "The network cannot be used" in texts(test)
    assert "cannot be loaded" in texts(test)


def test_a_network_trained_again_under_its_name_answers_at_once(own_home: Path) -> None:
    folder = own_home / "bundles" / "mine"
    shutil.copytree(FAST, folder)
    test = visit(model="mine", sample="frog-brown.png")
    assert test.subheader[0].value == "Frog"
    network = keras.models.load_model(folder / KERAS_FILE, compile=False)
    logits = network.get_layer("logits")
    logits.set_weights([np.zeros_like(weight) for weight in logits.get_weights()])
    network.save(folder / KERAS_FILE)
    write_card(folder, read_card(folder))
    test.run()
    assert "Not sure" in test.subheader[0].value  # without weights, every class is as probable as the others


def test_prediction_sets_are_shown_where_they_are_wanted(own_home: Path) -> None:
    folder = own_home / "bundles" / "mine"
    shutil.copytree(FAST, folder)
    thresholds = tuple(0.0 if name in ("cat", "dog") else 1.1 for name in FAST_CARD.classes)
    figures = {"n": 1000, "keras": 0.948, "keras classes": 1.25}
    rule = SetRule(0.95, thresholds, 1000, {"cifar10 test, first 1,000": figures})
    write_card(folder, replace(read_card(FAST), name="mine", sets=rule))
    test = visit(model="mine", sample="cat-chelsea.png")
    assert "With 95" not in texts(test)
    test.toggle(key="sets").set_value(True).run()
    assert not test.exception
    (line,) = [
        element for element in test.markdown if element.value == escape_markdown("With 95% confidence: cat or dog")
    ]
    assert "Fitted on 1,000 held-out pictures" in line.help
    assert "94.8% of the sets, of 1.25 classes on average" in line.help
    write_card(folder, replace(read_card(FAST), name="mine", sets=None))
    test.run()
    assert "This network has no prediction sets." in texts(test)
