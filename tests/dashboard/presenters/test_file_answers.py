from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dashboard.presenters.file_answers import PREVIEW, Answer, answer, answers
from model.images.thumbnails import THUMBNAIL_SIDE
from model.inference.classifier import Classifier
from model.registry.store import without_known
from tests.drawn import encode, picture


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load("default", "int8")


def test_page_pictures_are_our_own_and_small(classifier: Classifier) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    given = encode(Image.new("RGB", (3000, 1500), "teal"), "JPEG", exif=exif)
    result = answer(given, classifier)
    preview = Image.open(io.BytesIO(result.preview))
    assert max(preview.size) <= PREVIEW
    assert b"secret" in given
    assert b"secret" not in result.preview
    assert Image.open(io.BytesIO(result.thumbnail)).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    assert Image.open(io.BytesIO(result.seen)).size == (classifier.card.input_size,) * 2


def test_seen_is_exactly_what_the_network_got(classifier: Classifier) -> None:
    content = encode(Image.linear_gradient("L").convert("RGB"), "PNG")
    seen = np.asarray(Image.open(io.BytesIO(answer(content, classifier).seen)))
    assert np.array_equal(seen, classifier.classify(content).seen)


def test_a_bad_file_is_a_sentence(classifier: Classifier) -> None:
    assert answer(b"", classifier) == Answer(error="This file is empty.")


def test_many_files_get_the_answers_that_each_gets_alone(classifier: Classifier) -> None:
    contents = [encode(picture(number), "PNG") for number in range(20)]
    contents[7] = b""
    found = list(answers(contents, classifier))
    for content, given in zip(contents, found, strict=True):
        alone = answer(content, classifier)
        assert (given.preview, given.thumbnail, given.seen) == (alone.preview, alone.thumbnail, alone.seen)
        assert given.error == alone.error
        if alone.prediction:
            assert given.prediction is not None
            assert given.prediction.scores == alone.prediction.scores


def test_numbers_that_are_no_probabilities_are_a_sentence(classifier: Classifier) -> None:
    broken = Classifier(
        without_known(classifier.card), "int8", lambda images: np.full((len(images), 10), np.nan, np.float32)
    )
    sentence = f"model {classifier.card.name!r} returned something other than probabilities for this picture"
    assert answer(encode(Image.new("RGB", (8, 8)), "PNG"), broken) == Answer(error=sentence)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 20), (20, 10_000)])
def test_extreme_shapes_are_answered(classifier: Classifier, size: tuple[int, int]) -> None:
    assert answer(encode(Image.new("RGB", size, "red"), "PNG"), classifier).prediction
