from __future__ import annotations

import numpy as np
import pytest

from model.signature.rows import are_valid_outputs, split_rows


def test_rows_are_told_apart_by_their_widths() -> None:
    joined = np.arange(2 * 1008, dtype=np.float32).reshape(2, 1008)
    rows = split_rows(joined, ("probabilities", "known", "features", "imagenet"), 3, "logits")
    assert {name: row.shape for name, row in rows.items()} == {
        "probabilities": (2, 3),
        "known": (2, 1),
        "features": (2, 4),
        "imagenet": (2, 1000),
    }
    assert (np.concatenate(list(rows.values()), axis=1) == joined).all()


def test_two_classes_may_be_one_number() -> None:
    rows = split_rows(np.zeros((5, 9), np.float32), ("probabilities", "features"), 2, "one logit")
    assert (rows["probabilities"].shape, rows["features"].shape) == ((5, 1), (5, 8))


@pytest.mark.parametrize(
    ("outputs", "width"),
    [(("probabilities", "known"), 5), (("probabilities", "features"), 3), (("probabilities", "known"), 3)],
)
def test_widths_that_do_not_add_up_are_refused(outputs: tuple[str, ...], width: int) -> None:
    with pytest.raises(ValueError, match=f"^{width} numbers for a picture are not the outputs probabilities, "):
        split_rows(np.zeros((1, width), np.float32), outputs, 3, "probabilities")


def test_only_known_names_in_a_known_order_are_rows() -> None:
    assert are_valid_outputs(())
    assert are_valid_outputs(("probabilities", "known", "imagenet"))
    assert not are_valid_outputs(("known", "probabilities"))
    assert not are_valid_outputs(("probabilities", "probabilities"))
    assert not are_valid_outputs(("probabilities", "age"))
