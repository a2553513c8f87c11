"""The pictures that a training held out are drawn again as it drew them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.datasets.loader import load_dataset
from model.datasets.splits import draw_images
from model.export.held_out import load_as_trained
from tests.drawn import draw_cifar10, draw_folder


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return draw_folder(tmp_path / "shapes", 20)


def test_a_run_says_how_its_data_was_split(shapes: Path, tmp_path: Path) -> None:
    run = tmp_path / "home" / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("[data]\nvalidation = 0.2\ntest = 0.3\nseed = 5\n")
    said = list[str]()
    found = load_as_trained("mine", shapes, 16, None, said.append)
    wanted = load_dataset(shapes, 16, validation=0.2, test=0.3, seed=5)
    np.testing.assert_array_equal(found.validation.images, wanted.validation.images)
    assert said == [] and len(load_as_trained("mine", shapes, 16, 0.4, said.append).validation) == 3 * 6


def test_without_a_run_nobody_knows_and_that_is_said(shapes: Path) -> None:
    said = list[str]()
    found = load_as_trained("foreign", shapes, 16, None, said.append)
    assert len(found.validation) == 3 * 2 and "foreign has no run here" in said[0]


def test_data_with_pictures_of_its_own_for_validation_needs_no_draw(shapes: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        draw_folder(tmp_path / "split" / split, 4, seed=len(split))
    said = list[str]()
    assert len(load_as_trained("foreign", tmp_path / "split", 16, None, said.append).validation) == 12
    assert said == []


def test_test_pictures_of_its_own_are_enough_where_those_are_used(shapes: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        draw_folder(tmp_path / "split" / split, 4, seed=len(split))
    said = list[str]()
    load_as_trained("foreign", tmp_path / "split", 16, None, said.append, "test")
    load_as_trained("foreign", draw_cifar10(tmp_path, 10), 32, None, said.append, "test")
    assert said == []
    load_as_trained("foreign", shapes, 16, None, said.append, "test")
    assert "A folder test/ in the data avoids that." in said[0]


def test_some_pictures_of_a_folder_are_of_all_its_classes(shapes: Path) -> None:
    train = load_dataset(shapes, 16, validation=0.0, test=0.0).train
    numbers = np.arange(len(train))[:, None, None, None]
    chosen = train.labels[draw_images(numbers, 15).ravel()]
    assert set(chosen) == {0, 1, 2} and list(chosen) == sorted(chosen)
    assert len(draw_images(numbers, 100)) == 60
