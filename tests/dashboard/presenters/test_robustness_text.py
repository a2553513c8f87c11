from __future__ import annotations

import numpy as np

from dashboard.presenters import robustness_text
from model.explanation.robustness import Trial, run_trials
from tests.drawn import draw_images

CLASSES = ("cat", "dog")


def unsteady(images: np.ndarray) -> np.ndarray:
    """Says dog of what is blurred or compressed a lot."""
    rough = np.array([np.abs(np.diff(image.astype(int), axis=1)).mean() for image in images])
    sure = np.where(rough > np.median(rough), 0.9, 0.2)
    return np.stack([sure, 1 - sure], axis=1).astype(np.float32)


def steady(images: np.ndarray) -> np.ndarray:
    return np.tile(np.array([0.9, 0.1], np.float32), (len(images), 1))


def found(probabilities: object) -> list[Trial]:
    return run_trials(probabilities, draw_images(1)[0])  # type: ignore[arg-type]


def test_an_answer_that_holds() -> None:
    assert robustness_text.summary(found(steady), 0, CLASSES) == "“cat” stays the answer in all 17 small changes."


def test_an_answer_that_gives_way_says_to_what() -> None:
    sentence = robustness_text.summary(found(unsteady), 0, CLASSES)
    assert sentence.startswith("“cat” stays the answer in 8 of 17 small changes")
    assert sentence.endswith("otherwise it is: dog.")


def test_an_answer_that_others_do_not_exclude_holds_while_it_is_likelier_than_not() -> None:
    def both(images: np.ndarray) -> np.ndarray:
        sure = np.where(np.arange(len(images)) % 2, 0.9, 0.4)
        return np.stack([sure, np.full(len(images), 0.95)], axis=1)

    told = found(both)
    assert robustness_text.summary(told, 0, CLASSES, exclusive=False) == (
        "“cat” stays likelier than not in 8 of 17 small changes."
    )
    signs = [
        sign
        for trace in robustness_text.change_chart(told, 0, CLASSES, exclusive=False).data
        for sign in trace.marker.symbol
    ]
    assert signs.count("circle") == 8


def test_the_table_names_every_change_once_with_its_picture() -> None:
    table = robustness_text.change_table(found(unsteady), 0, CLASSES)
    assert len(table) == 17 == table["change"].nunique() == table["picture"].nunique()
    assert {"turned 20° to the right", "moved 4 pixels to the left", "as a JPEG of quality 20"} <= set(table["change"])
    assert set(table["answer"]) == {"cat", "dog"}
    assert (table["sure"] > 0.5).equals(table["answer"] == "cat")


def test_the_chart_crosses_out_where_another_class_won() -> None:
    figure = robustness_text.change_chart(found(unsteady), 0, CLASSES)
    signs = [sign for trace in figure.data for sign in trace.marker.symbol]
    shares = [share for trace in figure.data for share in trace.x]
    assert len(signs) == 17
    assert all((sign == "circle") == (share > 0.5) for sign, share in zip(signs, shares, strict=True))
