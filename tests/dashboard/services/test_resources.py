"""What visitors' pictures leave in memory is bounded in bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.presenters.file_answers import Answer
from dashboard.services import explanation_cache, resources
from model.common.cache import Cache
from model.inference.classifier import Classifier
from tests.drawn import draw_folder
from tests.shipped import FAST_CARD

MEGA = 2**20


def flat(images: np.ndarray) -> np.ndarray:
    return np.full((len(images), 10), 0.1, np.float32)


def answer_of(number: int, side: int) -> Answer:
    seen = io.BytesIO()
    Image.new("RGB", (side, side), (number, 0, 0)).save(seen, "PNG")
    return Answer(seen=seen.getvalue())


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Cache[object]:
    cache: Cache[object] = Cache(8 * MEGA)
    monkeypatch.setattr(resources, "WORKED_OUT", cache)
    monkeypatch.setattr(explanation_cache, "WORKED_OUT", cache)
    return cache


@pytest.mark.parametrize(
    "ask",
    [
        explanation_cache.trials_of,
        lambda answer, classifier: explanation_cache.map_of(answer, classifier, 1, explanation_cache.OCCLUSION),
    ],
    ids=["trials", "maps"],
)
def test_large_pictures_leave_no_more_than_the_budget(
    ask: Callable[[Answer, Classifier], object], kept: Cache[object]
) -> None:
    classifier = Classifier(FAST_CARD, "int8", flat)
    # The card's size is 32; here it looks at larger ones.
    classifier.probabilities = flat  # type: ignore[method-assign]
    first = ask(answer_of(0, 256), classifier)
    assert ask(answer_of(0, 256), classifier) is first
    for number in range(1, 8 if ask is explanation_cache.trials_of else 60):
        ask(answer_of(number, 256), classifier)
        assert kept.total <= 8 * MEGA
    assert len(kept) > 0
    assert ask(answer_of(0, 256), classifier) is not first


def test_answers_count_by_their_pictures(kept: Cache[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "answer", lambda content, classifier: Answer(preview=bytes(MEGA)))
    for number in range(20):
        resources.answer_for(b"%d" % number, Classifier(FAST_CARD, "int8", flat))
    assert 1 < len(kept) < 8


def test_test_sets_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets: Cache[object] = Cache(250_000)
    monkeypatch.setattr(resources, "TESTSETS", sets)
    for number in range(4):
        folder = draw_folder(tmp_path / f"set-{number}", 10)
        found = resources.testset("mine", folder, 32)
        assert len(found) and resources.testset("mine", folder, 32) is found
    assert 0 < len(sets) < 4
