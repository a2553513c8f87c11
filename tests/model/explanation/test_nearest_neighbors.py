from __future__ import annotations

import numpy as np
import pytest

from model.explanation.nearest_neighbors import feature_extractor, nearest, normalized_features
from model.networks.architectures import build_model
from model.signature.shapes import InputShape
from tests.arranged import ARRANGEMENTS, arranged
from tests.drawn import SHAPES, draw_images, enliven
from tests.shaped import GREY, OBLONG, telling_halves


@pytest.mark.parametrize("name", ["airbench", "residual", "cnn5x5"])
def test_a_picture_is_nearest_to_itself_and_then_to_its_like(name: str) -> None:
    network = build_model(name, 3, 32)
    enliven(network)
    images = draw_images(60)
    told: list[int] = []
    index = normalized_features(feature_extractor(network, 32), images, told.append)
    assert index.dtype == np.float16 and len(index) == 60
    assert told == [60]
    np.testing.assert_allclose(np.linalg.norm(index.astype(float), axis=1), 1.0, atol=2e-3)
    alike = 0
    for place in range(60):
        first, *others = nearest(index, index[place], 4)
        assert first.index == place and first.similarity == pytest.approx(1.0, abs=1e-2)
        assert all(other.similarity <= first.similarity + 1e-3 for other in others)
        alike += sum(other.index % len(SHAPES) == place % len(SHAPES) for other in others)
    assert alike > 90  # of 180; chance is 60


def test_more_than_there_are_gives_all() -> None:
    index = np.eye(3, dtype=np.float16)
    assert [neighbor.index for neighbor in nearest(index, index[1], 9)] == [1, 0, 2]


@pytest.mark.parametrize(("shape", "flat"), [(OBLONG, False), (GREY, False), (GREY, True)])
def test_features_of_grey_and_oblong_pictures(shape: InputShape, flat: bool) -> None:
    images = np.stack([np.full(shape, level, np.uint8) for level in (0, 100, 200)])
    rows = feature_extractor(telling_halves(shape, flat), shape, "unit")(images)
    assert rows.shape == (3, 16)
    assert (np.diff(rows[:, 0]) > 0.2).all()


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_features_are_the_same_however_the_layers_are_arranged(arrangement: str) -> None:
    images = draw_images(3)
    networks = [arranged(name, (32, 32, 3), "softmax") for name in ("functional", arrangement)]
    whole, other = (feature_extractor(network, 32, "unit")(images) for network in networks)
    assert whole.shape == (3, 8) and whole.std(axis=0).max() > 0
    np.testing.assert_allclose(other, whole, atol=1e-5)
