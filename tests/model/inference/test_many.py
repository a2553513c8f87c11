"""Many pictures with one network: the answers of one by one, in order, with few passes and little memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.i18n.translations import use_language
from model.images.decoder import InvalidImage
from model.inference.classifier import Classifier, NoProbabilities
from model.inference.many import Outcome, classify_many
from tests.drawn import encode, picture

COUNT = 90
BAD = (0, 17, 50)


@pytest.fixture(scope="module")
def contents() -> list[bytes]:
    return [b"no picture" if number in BAD else encode(picture(number), "PNG") for number in range(COUNT)]


@pytest.fixture(scope="module", params=["keras", "int8"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.load("small", request.param)


def same(content: bytes) -> bytes:
    return content


class Watched:
    """A network in the place of a Keras one: it counts its passes, and says of a picture how bright it is."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.passes: list[int] = []
        self.seconds = seconds
        self.card = replace(Classifier.load("small", "int8").card, outputs=(), known=None, sets=None)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.passes.append(len(images))
        time.sleep(self.seconds)
        rows = np.zeros((len(images), len(self.card.classes)), np.float32)
        rows[:, 0] = images.mean(axis=(1, 2, 3)) / 255
        return rows

    def classifier(self) -> Classifier:
        return Classifier(self.card, "keras", self)


def test_the_answers_are_those_of_one_by_one(classifier: Classifier, contents: list[bytes]) -> None:
    outcomes = list(classify_many(classifier, range(COUNT), contents.__getitem__, keep=True))
    assert [outcome.item for outcome in outcomes] == list(range(COUNT))
    for content, outcome in zip(contents, outcomes, strict=True):
        if outcome.item in BAD:
            assert outcome.prediction is None
            assert "text file" in outcome.error
            continue
        assert outcome.prediction is not None
        assert outcome.content == content
        alone = classifier.classify(content).prediction
        assert outcome.prediction.labels[0] == alone.labels[0]
        by_label = {score.label: score.probability for score in alone.scores}
        for score in outcome.prediction.scores:
            assert score.probability == pytest.approx(by_label[score.label], abs=1e-5)
        assert outcome.prediction.known_score == pytest.approx(alone.known_score, abs=1e-4)
        assert 0 < outcome.prediction.milliseconds < 10_000


def test_bytes_that_nobody_wants_are_not_kept(classifier: Classifier, contents: list[bytes]) -> None:
    assert {outcome.content for outcome in classify_many(classifier, contents[:9], same)} == {b""}


def test_passes_are_full_after_the_first_which_do_not_wait(contents: list[bytes]) -> None:
    network = Watched()
    good = [content for content in contents if content != b"no picture"]
    outcomes = list(classify_many(network.classifier(), good * 3, same, threads=4))
    assert len(outcomes) == 3 * len(good)
    assert network.passes == [1, 4, 16, *[32] * 7, 16]


def test_the_first_answer_does_not_wait_for_the_second_picture(contents: list[bytes]) -> None:
    told = threading.Event()

    def read(number: int) -> bytes:
        assert number != 2 or told.wait(30)
        return contents[number]

    outcomes = classify_many(Watched().classifier(), [1, 2], read)
    assert next(outcomes).prediction is not None
    told.set()
    assert next(outcomes).prediction is not None
    assert list(outcomes) == []


def test_pictures_that_come_slowly_are_answered_before_their_pass_is_full(contents: list[bytes]) -> None:
    def read(number: int) -> bytes:
        time.sleep(0.2)
        return contents[number]

    network = Watched()
    assert len(list(classify_many(network.classifier(), range(1, 12), read, threads=1))) == 11
    assert max(network.passes) <= 3


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_items_are_taken_no_more_than_a_few_passes_ahead(engine: str, contents: list[bytes]) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield contents[1]

    network = Watched()
    outcomes = classify_many(Classifier(network.card, engine, network), endless(), same, threads=2)
    for _ in range(200):
        next(outcomes)
    time.sleep(0.5)  # whoever could would take more
    assert taken < 200 + 200
    threads = threading.active_count()
    outcomes.close()  # type: ignore[attr-defined]
    assert threading.active_count() < threads


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_what_is_no_outcome_is_raised_in_its_turn(engine: str, contents: list[bytes]) -> None:
    def read(number: int) -> bytes:
        if number == 40:
            raise KeyError(number)
        return contents[1]

    network = Watched()
    outcomes = classify_many(Classifier(network.card, engine, network), range(1000), read)
    assert [next(outcomes).item for _ in range(20)] == list(range(20))
    with pytest.raises(KeyError, match="40"):
        list(outcomes)


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_numbers_that_are_no_probabilities_cost_only_their_picture(engine: str, contents: list[bytes]) -> None:
    class Broken(Watched):
        def __call__(self, images: np.ndarray) -> np.ndarray:
            rows = super().__call__(images)
            rows[images.mean(axis=(1, 2, 3)) < 1, 0] = np.nan
            return rows

    black = encode(picture(0).point(lambda _value: 0), "PNG")
    broken = Broken()
    given = [*contents[1:4], black, *contents[4:9]]
    found = list(classify_many(Classifier(broken.card, engine, broken), given, same))
    assert [isinstance(outcome.result, NoProbabilities) for outcome in found] == [content is black for content in given]
    with pytest.raises(NoProbabilities):
        list(classify_many(Classifier(broken.card, engine, broken), given, same, (InvalidImage,)))


def test_others_threads_are_used_and_left_to_them(classifier: Classifier, contents: list[bytes]) -> None:
    names: set[str] = set()

    def read(content: bytes) -> bytes:
        names.add(threading.current_thread().name)
        return content

    with ThreadPoolExecutor(3, "shared") as executor:
        found: list[Outcome[bytes]] = list(classify_many(classifier, contents, read, threads=3, executor=executor))
        assert len(found) == COUNT
        assert names and all(name.startswith("shared") for name in names)
        assert executor.submit(lambda: 1).result() == 1


def test_sentences_are_in_the_language_of_whoever_asks(classifier: Classifier, tmp_path: Path) -> None:
    with use_language("pt"):
        (outcome,) = classify_many(classifier, [b""], same)
        with pytest.raises(InvalidImage) as alone:
            classifier.classify(b"")
    assert outcome.error == str(alone.value)
    (english,) = classify_many(classifier, [b""], same)
    assert english.error != outcome.error
