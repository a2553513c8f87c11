from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import model.__main__
from api.schemas import Answer
from model.common.errors import BundleError
from model.inference.classifier import Classifier
from model.inference.http_client import post_picture, predict_url
from model.inference.prediction import to_record
from model.registry import store
from model.registry.card import CARD_FILE, SetRule, read_card, write_card
from model.registry.locations import BUNDLES
from model.registry.resolution import DEFAULT, find_own_bundle
from tests.drawn import draw_folder, encode, picture, save_untrained
from tests.fake_server import Stand

app = model.__main__.app


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "shapes", 60, size=16)


def test_the_command_fits_measures_and_says_so(tmp_path: Path, shapes: Path) -> None:
    save_untrained(tmp_path / "raw", size=16)
    words = ["sets", str(tmp_path / "raw"), "--data", str(shapes), "--validation", "0.4"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    rule = read_card(tmp_path / "raw").sets
    assert rule is not None and rule.n == 66 and len(rule.thresholds) == 3
    lines = result.stdout.splitlines()
    assert lines[0] == "raw has prediction sets of 95%, fitted on 66 pictures"
    figures = rule.measured["shapes test, all 18"]
    assert lines[1] == (
        f"  shapes test, all 18 (keras): the true class is in {figures['keras']:.1%} of them, "
        f"{figures['keras classes']:.2f} classes each"
    )
    look = Classifier.load(tmp_path / "raw").classify(encode(picture(0), "PNG"))
    labels = [score.label for score in look.prediction.prediction_set]
    expected = [score.label for score in look.prediction.scores if score.probability >= rule.thresholds[score.index]]
    assert labels == (expected or [look.prediction.best.label])


def test_a_record_a_schema_and_a_client_have_the_set(tmp_path: Path, stand: Stand) -> None:
    save_untrained(tmp_path / "raw", size=16)
    card = read_card(tmp_path / "raw")
    assert "prediction_set" not in to_record(
        "a.png", Classifier.load(tmp_path / "raw").classify(encode(picture(0), "PNG")).prediction
    )
    write_card(tmp_path / "raw", dataclasses.replace(card, sets=SetRule(0.95, (0.0, 0.0, 0.99), 100)))
    prediction = Classifier.load(tmp_path / "raw").classify(encode(picture(0), "PNG")).prediction
    record = to_record("a.png", prediction)
    assert set(record["prediction_set"]["labels"]) >= {"circle", "square"}
    assert record["prediction_set"]["coverage"] == 0.95
    assert Answer(**record).model_dump()["prediction_set"] == record["prediction_set"]
    stand.answer = json.dumps({"success": True} | record).encode()
    read = post_picture(predict_url(stand.url), b"x")
    assert (read.prediction_set, read.set_coverage) == (prediction.prediction_set, 0.95)


def test_a_stored_model_is_fitted_in_the_store(tmp_path: Path, shapes: Path) -> None:
    save_untrained(tmp_path / "raw", size=16)
    content = (tmp_path / "raw" / "model.keras").read_bytes()
    store.save_model(content, ".keras", "mine", dataclasses.replace(read_card(tmp_path / "raw"), name="mine"))
    result = CliRunner().invoke(app, ["sets", "mine", "--data", str(shapes), "--validation", "0.4"])
    assert result.exit_code == 0, result.output
    assert store.find_model("mine").card.sets is not None
    store.confirm_scaling("mine", "unit")  # what was fitted was of other numbers
    assert store.find_model("mine").card.sets is None


def test_too_few_pictures_and_a_network_that_ships_are_sentences(tmp_path: Path, shapes: Path) -> None:
    save_untrained(tmp_path / "raw", size=16)
    few = CliRunner().invoke(app, ["sets", str(tmp_path / "raw"), "--data", str(shapes), "--validation", "0.1"])
    assert few.exit_code == 1 and "leaves fewer than 19 held-out pictures of a class" in few.output
    before = dataclasses.replace(read_card(tmp_path / "raw"), sets=SetRule(0.95, (0.1, 0.1, 0.1), 100))
    write_card(tmp_path / "raw", before)
    again = CliRunner().invoke(app, ["sets", str(tmp_path / "raw"), "--data", str(shapes), "--validation", "0.1"])
    assert again.exit_code == 1 and "leaves fewer than 19" in again.output
    assert read_card(tmp_path / "raw").sets == before.sets
    for command in ("sets", "known"):
        for name in (DEFAULT, "default"):
            refused = CliRunner().invoke(app, [command, name, "--data", str(shapes)])
            assert refused.exit_code == 1 and "ships with Vitrine and stays as it is" in refused.output
    for name in ("fast", os.path.relpath(BUNDLES / "fast"), f"{BUNDLES}/small/../fast"):
        with pytest.raises(BundleError, match="ships with Vitrine"):
            find_own_bundle(name)
    card = json.loads((tmp_path / "raw" / CARD_FILE).read_text())
    (tmp_path / "raw" / CARD_FILE).write_text(json.dumps(card | {"sets": {"coverage": 1, "thresholds": [0], "n": 1}}))
    with pytest.raises(BundleError, match="1 thresholds for 3 classes"):
        read_card(tmp_path / "raw")
