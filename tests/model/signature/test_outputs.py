from __future__ import annotations

import numpy as np
import pytest

from model.signature.outputs import OUTPUTS, detect_output, quantized_sum_tolerance


@pytest.mark.parametrize(
    ("rows", "kind", "expected"),
    [
        ([[0.2, 0.8], [0.9, 0.1]], "probabilities", [[0.2, 0.8], [0.9, 0.1]]),
        ([[0.0, 0.0], [np.log(3), 0.0], [800.0, 0.0]], "logits", [[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]]),
        ([[0.25], [1.0]], "one probability", [[0.75, 0.25], [0.0, 1.0]]),
        ([[0.0], [-np.log(3)], [900.0]], "one logit", [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]),
        ([[0.9, 0.9], [0.0, 0.0]], "independent probabilities", [[0.9, 0.9], [0.0, 0.0]]),
    ],
)
def test_every_kind_of_output_is_told_and_made_probabilities(
    rows: list[list[float]], kind: str, expected: list[list[float]]
) -> None:
    given = np.array(rows, np.float32)
    assert detect_output(given) == kind
    assert np.allclose(OUTPUTS[kind](given), expected, atol=1e-6)


def test_the_quantised_probabilities_of_an_int8_network_are_probabilities() -> None:
    rows = np.array([[0.0, 0.98828125, 0.0], [0.66, 0.32, 0.0]], np.float32)
    assert detect_output(rows, tolerance=quantized_sum_tolerance(1 / 256, 3)) == "probabilities"
    # A thousand classes at under half a step each are a thousand zeros, and the rest has lost what they had.
    many = np.zeros((2, 1000), np.float32)
    many[:, 0] = 0.7
    assert detect_output(many, tolerance=quantized_sum_tolerance(1 / 256, 1000)) == "probabilities"


def test_numbers_that_add_up_to_about_one_by_chance_are_no_probabilities() -> None:
    rows = np.array([[0.51, 0.53], [0.48, 0.5]], np.float32)
    assert detect_output(rows) == "independent probabilities"
    assert detect_output(rows, "sigmoid", tolerance=0.5) == "independent probabilities"
    assert detect_output(rows, "softmax") == "probabilities"
