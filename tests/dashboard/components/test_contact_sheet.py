from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
from PIL import Image

from dashboard.components.contact_sheet import SIDE, thumbnail_url
from dashboard.components.query_params import parse_number
from dashboard.panels.test_set_browser import Filter
from model.evaluation.test_set_predictions import PredictionFilter
from tests.drawn import draw_images


def decoded(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(url.partition(",")[2]))))


def test_a_small_picture_keeps_its_pixels() -> None:
    image = draw_images(1)[0]
    url = thumbnail_url(image)
    assert url.startswith("data:image/png;base64,")
    np.testing.assert_array_equal(decoded(url), image)


def test_a_large_picture_is_made_small() -> None:
    url = thumbnail_url(draw_images(1, 224)[0])
    assert url.startswith("data:image/jpeg;base64,")
    assert decoded(url).shape == (SIDE, SIDE, 3)


def test_grey_and_oblong_pictures_keep_their_form() -> None:
    np.testing.assert_array_equal(decoded(thumbnail_url(draw_images(1)[0][..., :1])), draw_images(1)[0][..., 0])
    assert decoded(thumbnail_url(draw_images(1, 224)[0][:56])).shape == (SIDE // 4, SIDE, 3)


def test_a_filter_becomes_a_question_to_the_survey() -> None:
    asked = Filter("Cat", "ship", "wrong", 20, 95, "most sure").question(("cat", "dog", "ship"))
    assert asked == PredictionFilter(0, 2, "wrong", 0.2, 0.95, "most sure")
    assert Filter(true="frog").question(("cat",)) == PredictionFilter()


def test_only_the_true_class_and_the_sets_own_order_need_no_answers() -> None:
    assert not Filter().needs_answers and not Filter(true="cat").needs_answers
    for other in (
        Filter(answer="cat"),
        Filter(verdict="right"),
        Filter(least=1),
        Filter(most=99),
        Filter(order="most sure"),
    ):
        assert other.needs_answers


def test_numbers_of_the_address_are_taken_with_care() -> None:
    assert [parse_number(text, 9) for text in ("4", "12", "-1", "", "²", "1e3", "9" * 30)] == [4, 9, 0, 0, 0, 0, 0]
