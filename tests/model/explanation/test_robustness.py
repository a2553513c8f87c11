from __future__ import annotations

import numpy as np
import pytest

from model.explanation.robustness import CHANGES, blur, compress, kept_share, rotate, run_trials, shift
from tests.drawn import draw_images


def test_no_change_changes_nothing() -> None:
    image = draw_images(1)[0]
    for change in (rotate, shift, blur):
        assert (change(image, 0.0) == image).all()


def test_turning_by_a_quarter_is_exact() -> None:
    image = draw_images(2)[1]
    assert np.abs(rotate(image, 90.0).astype(int) - np.rot90(image).astype(int)).mean() < 20


def test_moving_is_by_whole_pixels_and_mirrors_the_edge() -> None:
    image = np.arange(8, dtype=np.uint8)[None, :, None].repeat(8, axis=0).repeat(3, axis=2)
    assert shift(image, 0.25)[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 5]
    assert shift(image, -0.25)[0, :, 0].tolist() == [2, 3, 4, 5, 6, 7, 6, 5]


def test_blur_and_jpeg_grow_with_their_strength() -> None:
    image = draw_images(1)[0].astype(int)
    weak, strong = (np.abs(blur(image.astype(np.uint8), share) - image).mean() for share in (0.01, 0.04))
    assert 0 < weak < strong
    fine, coarse = (np.abs(compress(image.astype(np.uint8), quality) - image).mean() for quality in (80, 20))
    assert 0 < fine < coarse


@pytest.mark.parametrize("shape", [(45, 45, 3), (20, 45, 3), (45, 12, 1)])
@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_keeps_shape_and_type(kind: str, shape: tuple[int, int, int]) -> None:
    change, strengths = CHANGES[kind]
    image = draw_images(1, 45)[0][: shape[0], : shape[1], : shape[2]]
    for strength in strengths:
        result = change(image, strength)
        assert result.shape == image.shape and result.dtype == np.uint8


def test_trials_are_answered_at_once_and_counted() -> None:
    calls = []

    def probabilities(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        sharp = np.array([np.abs(np.diff(image.astype(int), axis=1)).mean() > 20 for image in images])
        return np.stack([sharp, ~sharp], axis=1).astype(np.float32)

    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    found = run_trials(probabilities, noise)
    assert calls == [sum(len(strengths) for _, strengths in CHANGES.values())] == [len(found)]
    assert [trial.kind for trial in found if trial.kind == "blurred"] == ["blurred"] * 3
    blurry = [trial for trial in found if trial.kind == "blurred" and trial.strength == 0.04]
    assert kept_share(blurry, 1) == 1.0
    assert 0 < kept_share(found, 0) < 1
