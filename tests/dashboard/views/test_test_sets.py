"""The pages that look through whole test sets, without a browser, with small networks and data of our own."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.panels import test_set_browser
from dashboard.services import resources
from dashboard.services.jobs import WHOLE_SETS
from model.common.cache import Cache
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.known_folders import add_folder
from model.datasets.test_set import PictureSet, read_test_set
from model.evaluation import scores
from model.evaluation.test_set_predictions import PredictedTestSet, predictions_file, save_predictions
from model.i18n.translations import use_language
from model.images.samples import FOLDER, Sample
from model.registry.card import read_card, write_card
from model.registry.resolution import DEFAULT, find_bundle
from model.signature.shapes import PictureSize
from tests.dashboard.page_visit import SAMPLES, texts, visit, visit_page
from tests.drawn import draw, draw_cifar10, draw_folder, save_untrained

N = 130


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("VITRINE_DATA", "VITRINE_SHARE", "VITRINE_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(resources, "PAIRED_SPEEDS", Cache(2**20))  # no other test's measurements
    return tmp_path / "home"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 with N drawn test pictures, known by the setting."""
    folder = draw_cifar10(tmp_path / "data", 2, tests=N)
    monkeypatch.setenv("VITRINE_DATA", str(folder))
    return folder


SIDE = read_card(find_bundle(DEFAULT)).input_size  # of the pictures that the default takes


def answer(folder: Path, engine: str = "keras", moved: int = 0) -> np.ndarray:
    """Keep invented answers of the shipped network: right but for every fifth picture, and for the first `moved`."""
    pictures = read_test_set("cifar10", folder, 32)
    rng = np.random.default_rng(0)
    rows = np.full((N, 10), 0.01, np.float32)
    answers = pictures.split.labels.copy()
    answers[::5] = (answers[::5] + 1) % 10
    answers[:moved] = (answers[:moved] + 2) % 10
    rows[np.arange(N), answers] = rng.uniform(0.5, 0.9, N)
    rows /= rows.sum(axis=1, keepdims=True)
    save_predictions(predictions_file(read_card(find_bundle(DEFAULT)), engine, pictures.key), rows)
    return rows


def cells(test: AppTest) -> list[dict[str, object]]:
    """What the contact sheets on the page hold."""
    found: list[dict[str, object]] = []
    for element in test.get("bidi_component"):
        content = json.loads(element.proto.json)
        if "vitrine_sheet" in element.proto.component_name:
            found += content["cells"]
    return found


def labels(test: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in test.button]


# --- Gallery ----------------------------------------------------------------------------------------------------------


def test_without_data_the_gallery_shows_samples_and_says_how_to_get_more() -> None:
    test = visit_page("gallery")
    assert not test.exception
    assert "photographs with a free licence" in texts(test)
    assert "name the folder cifar-10-batches-py here" in texts(test)
    assert [field.label for field in test.text_input] == ["Add a data folder of this machine"]


def test_a_shared_page_takes_no_folder(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv("VITRINE_SHARE", "1")
    for view in ("gallery", "evaluation"):
        test = visit_page(view)
        assert not test.exception and not test.text_input
    monkeypatch.delenv("VITRINE_DATA")
    test = visit_page("evaluation")
    assert "There is no test set here" in texts(test) and not test.text_input


def test_a_folder_is_added_browsed_and_taken_off_the_list(tmp_path: Path) -> None:
    draw_folder(tmp_path / "shapes", 3)
    test = visit_page("gallery")
    test.text_input[0].input(str(tmp_path / "nowhere")).run()
    assert "is not a folder on this machine" in texts(test)
    test.text_input[0].input(str(tmp_path / "shapes")).run()
    assert not test.exception
    assert test.query_params["set"] == "shapes"
    assert len(cells(test)) == 9
    assert "the network has no class 'circle'" in texts(test).replace("\\", "")
    next(button for button in test.button if button.key == "forget-shapes").click().run()
    assert not test.exception
    assert "photographs with a free licence" in texts(test)


def test_pictures_show_before_any_network_is_asked(data: Path) -> None:
    test = visit_page("gallery")
    assert not test.exception
    assert f"**{N} pictures**" in texts(test)
    shown = cells(test)
    assert len(shown) == 60
    assert [cell["lines"] for cell in shown[:2]] == [["airplane"], ["automobile"]]
    assert f"Ask {DEFAULT} (keras) about all {N} pictures" in labels(test)
    assert not WHOLE_SETS.jobs


def test_the_true_class_needs_no_answers(data: Path) -> None:
    test = visit_page("gallery", true="cat")
    assert {cell["place"] for cell in cells(test)} == {place for place in range(N) if place % 10 == 3}
    assert not WHOLE_SETS.jobs


def test_kept_answers_are_shown_with_the_truth_where_they_are_wrong(data: Path) -> None:
    answer(data)
    test = visit_page("gallery")
    first, second = cells(test)[:2]
    assert (first["lines"], first["verdict"]) == (["✗ automobile", "is airplane"], "wrong")
    assert (second["lines"], second["verdict"]) == (["✓ automobile"], "right")
    assert str(first["badge"]).endswith("%")
    assert not any(label.startswith("Ask") for label in labels(test))


def test_the_filter_lives_in_the_address(data: Path) -> None:
    rows = answer(data)
    test = visit_page("gallery", verdict="wrong", sort="least sure", sure="0-70")
    confidence = rows.max(axis=1)
    expected = [place for place in np.argsort(confidence, kind="stable") if place % 5 == 0 and confidence[place] <= 0.7]
    assert [cell["place"] for cell in cells(test)] == expected
    assert f"**{len(expected)} pictures** of {N}" in texts(test)
    test.selectbox(key="choose-true").select("bird").run()
    assert test.query_params["true"] == "bird"
    test.slider(key="choose-sure").set_value((0, 100)).run()
    assert "sure" not in test.query_params


def test_a_new_filter_starts_on_the_first_page(data: Path) -> None:
    answer(data)
    test = visit_page("gallery", page="3")
    assert [cell["place"] for cell in cells(test)] == list(range(120, N))
    test.selectbox(key="choose-sort").select("most sure").run()
    assert "page" not in test.query_params
    assert len(cells(test)) == 60


@pytest.mark.parametrize(
    "query",
    [
        {"set": "../etc"},
        {"true": "*x*", "answer": "'", "verdict": "maybe", "sort": "", "sure": "9-", "page": "-4"},
        {"sure": "99999999999999-x", "page": "1e9"},
        {"page": "9999", "engine": "gpu", "picture": "frog-brown.png"},
    ],
)
def test_rubbish_in_the_address_is_a_page_all_the_same(data: Path, query: dict[str, str]) -> None:
    answer(data)
    for view in ("gallery", "evaluation"):
        test = visit_page(view, **query)
        assert not test.exception
        assert not test.error


def test_no_picture_passes(data: Path) -> None:
    answer(data)
    assert "No picture passes this filter." in texts(visit_page("gallery", sure="99-100"))


def test_a_filter_in_the_address_has_the_answers_computed(data: Path) -> None:
    test = visit_page("gallery", verdict="right")
    assert not WHOLE_SETS.jobs
    assert not test.exception
    assert f" of {N}" in texts(test)
    assert all(cell["verdict"] == "right" for cell in cells(test))


def test_a_survey_that_fails_is_a_sentence_and_can_be_tried_again(
    data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "bundles" / "mine"
    save_untrained(folder, CIFAR10_CLASSES)
    test = visit_page("gallery").selectbox(key="model").select("mine").run()
    (folder / "model.keras").write_bytes(b"damaged")
    next(button for button in test.button if button.label.startswith("Ask")).click().run()
    assert not test.exception
    assert "The pictures could not be answered" in texts(test)
    assert any(label.startswith("Ask mine") for label in labels(test))
    WHOLE_SETS.jobs.clear()


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "gone"))
    for view in ("gallery", "evaluation"):
        test = visit_page(view)
        assert not test.exception
        assert "gone is not there" in texts(test).replace("\\", "")


# --- Classify ---------------------------------------------------------------------------------------------------------


def test_a_picture_of_the_set_opens_on_classify(data: Path) -> None:
    test = visit(set="cifar10", picture="7", verdict="wrong")
    assert not test.exception
    assert "it is a horse" in texts(test)
    assert "(int8)" not in texts(test).replace("\\", "")
    test.button(key=Sample(FOLDER / "frog-brown.png").css_key).click().run()
    assert set(test.query_params) == {"sample"}
    assert "it is a frog" in texts(test)


def test_a_picture_opened_from_the_int8_answers_is_answered_by_int8(data: Path) -> None:
    test = visit(set="cifar10", picture="7", engine="int8")
    assert not test.exception
    assert "(int8) ·" in texts(test).replace("\\", "")
    test.button(key=Sample(FOLDER / "frog-brown.png").css_key).click().run()
    assert "(int8)" not in texts(test).replace("\\", "")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"set": "cifar10", "picture": str(N)}, f"there is no picture '{N}' in cifar10; its pictures are 0 to {N - 1}"),
        ({"set": "cifar10", "picture": "-1"}, "there is no picture '-1' in cifar10"),
        ({"set": "other", "picture": "1"}, "there is no test set 'other' here; sets: cifar10"),
    ],
)
def test_a_picture_that_is_not_there_is_a_sentence(data: Path, query: dict[str, str], sentence: str) -> None:
    test = visit(**query)
    assert not test.exception
    assert sentence in texts(test).replace("\\", "")
    assert "What will it be?" in texts(test)


# --- Evaluation -------------------------------------------------------------------------------------------------------


def test_without_data_evaluation_says_how_to_get_some() -> None:
    test = visit_page("evaluation")
    assert not test.exception
    assert "name the folder cifar-10-batches-py here" in texts(test)


def test_nothing_is_computed_until_asked_for(data: Path) -> None:
    test = visit_page("evaluation")
    assert not test.exception and not test.metric and not WHOLE_SETS.jobs
    assert f"Ask {DEFAULT} (keras) about all {N} pictures" in labels(test)


def test_evaluation_shows_figures_and_pictures(data: Path) -> None:
    answer(data)
    test = visit_page("evaluation")
    assert not test.exception
    metrics = {metric.label: metric.value for metric in test.metric}
    assert metrics["accuracy"] == "80.0%"
    assert metrics["95 % interval"] == "72.3% – 86.0%"
    assert metrics["pictures"] == str(N)
    assert "26 mistakes in all" in texts(test)
    assert not test.get("plotly_chart")  # it would take half of the page's time
    drawn = {element.proto.component_name.split(".")[-1] for element in test.get("bidi_component")}
    assert drawn == {"vitrine_matrix", "vitrine_reliability", "vitrine_sheet"}
    assert len(cells(test)) == 2 * 18


def test_a_cell_is_chosen_by_the_keyboard(data: Path) -> None:
    answer(data)
    test = visit_page("evaluation")
    test.selectbox(key="choose-true").select("airplane").run()
    test.selectbox(key="choose-answer").select("automobile").run()
    assert test.query_params["true"] == "airplane" and test.query_params["answer"] == "automobile"
    assert "13 pictures, the surest first" in texts(test)
    assert sorted(cell["place"] for cell in cells(test)[:13]) == list(range(0, N, 10))


def test_tables_are_made_when_they_are_opened(data: Path) -> None:
    answer(data)
    test = visit_page("evaluation")
    assert not test.dataframe


def test_two_engines_are_compared(data: Path) -> None:
    answer(data)
    answer(data, "int8", moved=3)
    test = visit_page("evaluation", **{"with": f"{DEFAULT}:int8"})
    assert not test.exception
    said = texts(test).replace("\\", "")
    changed = f"{DEFAULT} (int8) answers 3 of 130 pictures (2.3%) otherwise than {DEFAULT} (keras)"
    assert f"{changed}: 0 it puts right, 2 it" in said
    assert "may well be chance" in said
    table = test.dataframe[0].value
    assert list(table.columns) == ["", f"{DEFAULT} (keras)", f"{DEFAULT} (int8)"]
    assert table.iloc[0].tolist() == ["accuracy", "80.0%", "78.5%"]
    assert [cell["place"] for cell in cells(test)] == [1, 2]
    assert "Measure their speed" in labels(test)


def test_a_network_with_other_classes_is_not_compared(data: Path, home: Path) -> None:
    save_untrained(home / "bundles" / "shapes")
    answer(data)
    test = visit_page("evaluation", **{"with": "shapes:keras"})
    assert not test.exception
    assert "they do not know the same classes" in texts(test)
    test = visit_page("evaluation").selectbox(key="model").select("shapes").run()
    assert not test.exception
    assert "the network has no class 'airplane'; its classes: circle, square, stripes" in texts(test).replace("\\", "")


def test_a_data_folder_may_hold_some_of_the_classes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in CIFAR10_CLASSES[2:4]:
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(3):
            draw("circle", np.random.default_rng(number)).save(tmp_path / "pets" / label / f"{number}.png")
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "pets"))
    pictures = read_test_set("pets", tmp_path / "pets", SIDE)
    rows = np.full((6, 10), 0.02, np.float32)
    rows[:, 2] = 0.82
    save_predictions(predictions_file(read_card(find_bundle(DEFAULT)), "keras", pictures.key), rows)
    test = visit_page("evaluation")
    assert not test.exception
    assert {metric.label: metric.value for metric in test.metric}["accuracy"] == "50.0%"


def test_a_folder_may_write_the_classes_with_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label, sample in (("Frog", "frog-brown.png"), ("Ship", "ship-nagasaki.jpg")):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(20):
            shutil.copy(SAMPLES / sample, tmp_path / "mine" / label / f"{number}{Path(sample).suffix}")
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "mine"))
    assert "right, it is a frog" in texts(visit(set="mine", picture="0"))
    pictures = read_test_set("mine", tmp_path / "mine", SIDE)
    rows = np.full((40, 10), 0.02, np.float32)
    rows[:, 6] = 0.82
    save_predictions(predictions_file(read_card(find_bundle(DEFAULT)), "keras", pictures.key), rows)
    test = visit_page("evaluation", true="frog")
    assert {metric.label: metric.value for metric in test.metric}["accuracy"] == "50.0%"
    (link,) = [link for link in test.get("page_link") if "All of them" in link.proto.label]
    assert "true=Frog" in link.proto.query_string
    test = visit_page("gallery", true="Frog")
    assert {cell["place"] for cell in cells(test)} == set(range(20))


def test_figures_of_pictures_that_a_network_learnt_from_are_called_so(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "bundles" / "mine"
    save_untrained(folder)
    card = replace(read_card(folder), dataset="shapes")
    write_card(folder, card)
    source = draw_folder(tmp_path / "shapes", 2)
    monkeypatch.setenv("VITRINE_DATA", str(source))
    rows = np.full((6, 3), 1 / 3, np.float32)
    save_predictions(predictions_file(read_card(folder), "keras", read_test_set("shapes", source, 32).key), rows)
    said = "mine was trained on most of these pictures, so the figures flatter it."
    test = visit_page("evaluation").selectbox(key="model").select("mine").run()
    assert [line.value for line in test.warning] == [said]
    write_card(folder, replace(card, dataset="others"))
    test.run()
    assert test.metric and not test.warning


def test_figures_of_validation_pictures_are_called_so_under_whatever_name_they_are_listed(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_untrained(home / "bundles" / "mine")
    write_card(home / "bundles" / "mine", replace(read_card(home / "bundles" / "mine"), dataset="shapes"))
    for place in ("a", "b"):
        for part in ("train", "val"):
            draw_folder(tmp_path / place / "shapes" / part, 2)
    folders = [tmp_path / place / "shapes" for place in ("a", "b")]
    monkeypatch.setenv("VITRINE_DATA", os.pathsep.join(map(str, folders)))
    rows = np.full((6, 3), 1 / 3, np.float32)
    card = read_card(home / "bundles" / "mine")
    save_predictions(predictions_file(card, "keras", read_test_set("shapes-2", folders[1], 32).key), rows)
    test = visit_page("evaluation", set="shapes-2").selectbox(key="model").select("mine").run()
    assert "These are the validation pictures of mine" in test.warning[0].value


def test_an_opened_picture_needs_no_other_reading_for_another_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = draw_folder(tmp_path / "shapes", 2)
    monkeypatch.setenv("VITRINE_DATA", str(source))
    resources.TEST_SETS.entries.clear()
    read = list[object]()
    original = resources.read_test_set

    def reading(name: str, folder: Path, size: PictureSize) -> PictureSet:
        read.append(size)
        return original(name, folder, size)

    monkeypatch.setattr(resources, "read_test_set", reading)
    for model in ("fast", "photo"):
        test = visit(set="shapes", picture="0", model=model)
        assert not test.exception and "it is a circle" in texts(test)
    assert read == [32]


def test_a_picture_whose_name_is_not_utf8_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_folder(tmp_path / "shapes", 1)
    (source / "circle" / "000.png").rename(source / "circle" / os.fsdecode(b"caf\xe9.png"))
    monkeypatch.setenv("VITRINE_DATA", str(source))
    test = visit(set="shapes", picture="0")
    assert not test.exception
    assert "it is a circle" in texts(test)
    (source / "circle" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"no picture")
    (source / "circle").touch()
    test = visit_page("gallery", set="shapes")
    assert not test.exception
    assert "1 of 3 pictures cannot be read" in test.warning[0].value
    assert "caf?.png (This file is not an image" in test.warning[0].value.replace("\\", "")
    assert len(cells(test)) == 2


def test_a_folder_that_cannot_be_read_can_be_taken_off_the_list(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "shapes", 2)
    add_folder(str(source))
    for view in ("gallery", "evaluation"):
        for path in source.rglob("*.*"):
            path.write_bytes(b"no picture")
        test = visit_page(view, set="shapes")
        assert not test.exception
        assert "holds no picture that can be read (6 of 6 pictures" in test.error[0].value.replace("\\", "")
        assert "forget-shapes" in [button.key for button in test.button]
    shutil.copy(SAMPLES / "frog-brown.png", source / "circle" / "000.png")
    test = visit_page("evaluation", set="shapes")
    assert "the network has no class 'circle'" in test.error[0].value.replace("\\", "")
    assert "forget-shapes" in [button.key for button in test.button]


def test_figures_say_which_pictures_and_classes_they_are_not_of(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_untrained(home / "bundles" / "mine")
    draw_folder(tmp_path / "shapes" / "train", 1)
    source = draw_folder(tmp_path / "shapes" / "test", 3, classes=("circle", "stripes")).parent
    (source / "test" / "circle" / "000.png").write_bytes(b"no picture")
    monkeypatch.setenv("VITRINE_DATA", str(source))
    pictures = read_test_set("shapes", source, 32)
    rows = np.full((5, 3), 0.1, np.float32)
    rows[:, 1] = 0.8  # a class that no picture is of
    rows[0] = (0.8, 0.1, 0.1)
    save_predictions(predictions_file(read_card(home / "bundles" / "mine"), "keras", pictures.key), rows)
    test = visit_page("evaluation").selectbox(key="model").select("mine").run()
    assert not test.exception
    said = texts(test).replace("\\", "")
    assert "1 of 6 pictures cannot be read: " in test.warning[0].value.replace("\\", "")
    assert "No picture is of square: measured on the other 2 of 3 classes." in said
    assert {metric.label: metric.value for metric in test.metric}["accuracy"] == "20.0%"
    test = visit_page("gallery").selectbox(key="model").select("mine").run()
    assert "1 of 6 pictures cannot be read: " in test.warning[0].value.replace("\\", "")
    assert cells(test)[0]["lines"] == ["✓ circle"]
    name, content = pictures.file(0)
    assert (name, content) == ("001.jpg", (source / "test" / "circle" / "001.jpg").read_bytes())


def test_a_class_of_a_users_own_stays_as_it_is_in_portuguese(tmp_path: Path) -> None:
    names = ("all", "none", "right", "wrong")
    for name in names:
        draw_folder(tmp_path / name, 1, classes=("circle",))
    pictures = read_test_set("arrows", tmp_path, 32)
    rows = np.roll(np.eye(4, dtype=np.float32) * 0.6 + 0.1, 1, axis=1)
    with use_language("pt"):
        plain = test_set_browser.plain_cells(pictures, np.arange(4))
        answered = test_set_browser.answered_cells(
            pictures, PredictedTestSet(names, pictures.split, rows), np.arange(4)
        )
    assert [cell.lines for cell in plain] == [(name,) for name in names]
    assert [cell.name for cell in answered] == [f"Imagem {place}: {name}" for place, name in enumerate(names)]
    assert answered[0].lines == ("✗ none", "é all")
    assert answered[2].lines == ("✗ wrong", "é right")


def test_a_card_without_a_file_is_a_sentence(data: Path, home: Path) -> None:
    folder = home / "bundles" / "mine"
    save_untrained(folder, CIFAR10_CLASSES)
    content = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps(content | {"files": {}}), "utf-8")
    for view in ("gallery", "evaluation"):
        test = visit_page(view).selectbox(key="model").select("mine").run()
        assert not test.exception
        assert "mine holds no model.keras; its files: none" in test.error[0].value.replace("\\", "")


def test_a_network_of_very_many_classes_is_not_evaluated(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MAX_CLASSES", 9)
    test = visit_page("evaluation")
    assert not test.exception and not test.metric
    assert "the network has 10 classes; up to 9 can be evaluated" in test.error[0].value


def test_pictures_that_changed_between_two_networks_are_not_compared(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(data)
    whole = read_test_set("cifar10", data, 32)
    part = replace(whole, split=whole.split.take(slice(0, 100)), key="later")
    found = itertools.cycle((whole, part))
    monkeypatch.setattr(resources, "test_set", lambda *_given: next(found))
    test = visit_page("evaluation", **{"with": f"{DEFAULT}:int8"})
    assert not test.exception
    assert "The pictures of cifar10 changed while they were read" in texts(test)
