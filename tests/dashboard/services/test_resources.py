"""What visitors' pictures leave in memory is bounded in bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.presenters.file_answers import Answer
from dashboard.services import explanation_cache, resources
from model.common.cache import Cache
from model.images import samples
from model.images.samples import Sample
from model.inference.classifier import Classifier
from tests.drawn import draw_folder, encode, picture
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
    monkeypatch.setattr(resources, "RESULTS", cache)
    monkeypatch.setattr(explanation_cache, "RESULTS", cache)
    return cache


@pytest.mark.parametrize(
    "ask",
    [
        explanation_cache.robustness_trials,
        lambda answer, classifier: explanation_cache.saliency_map(answer, classifier, 1, explanation_cache.OCCLUSION),
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
    for number in range(1, 8 if ask is explanation_cache.robustness_trials else 60):
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
    monkeypatch.setattr(resources, "TEST_SETS", sets)
    for number in range(4):
        folder = draw_folder(tmp_path / f"set-{number}", 10)
        found = resources.test_set("mine", folder, 32)
        assert len(found) and resources.test_set("mine", folder, 32) is found
    assert 0 < len(sets) < 4


def test_of_many_files_only_those_are_computed_that_are_not_there_yet(
    kept: Cache[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[bytes] = []

    def compute(contents: Iterable[bytes], _classifier: Classifier) -> Iterator[Answer]:
        for content in contents:
            computed.append(content)
            yield Answer(error=content.decode())

    monkeypatch.setattr(resources, "answers", compute)
    monkeypatch.setattr(resources, "answer", lambda content, classifier: Answer(error=content.decode()))
    classifier = Classifier(FAST_CARD, "int8", flat)
    assert resources.answer_for(b"2", classifier).error == "2"
    for _ in range(2):
        found = resources.answers_for([b"1", b"2", b"3", b"1"], classifier)
        assert [answer.error for answer in found] == ["1", "2", "3", "1"]
    assert computed == [b"1", b"3", b"1"]


def test_a_sample_that_comes_later_is_there_and_one_that_cannot_be_read_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    (tmp_path / "cat-a.png").write_bytes(encode(picture(0), "PNG"))
    first = resources.sample_thumbnails()
    assert list(first) == [Sample(tmp_path / "cat-a.png").css_key]
    (tmp_path / "cat-a.jpg").write_bytes(encode(picture(1), "JPEG"))
    (tmp_path / "dog.png").write_bytes(b"no picture")
    assert len(resources.sample_thumbnails()) == 2
    (tmp_path / "cat-a.png").write_bytes(encode(picture(2), "PNG"))
    os.utime(tmp_path / "cat-a.png", (1, 1))
    later = resources.sample_thumbnails()
    assert later.keys() > first.keys() and later[next(iter(first))] != first[next(iter(first))]
