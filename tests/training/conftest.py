"""A drawn data set, and training without its last steps."""

from __future__ import annotations

import pytest

from model.datasets.loader import load_dataset
from model.datasets.splits import Dataset
from tests.drawn import draw_folder
from training.engine import export


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(draw_folder(tmp_path_factory.mktemp("data") / "shapes", 60), 16, validation=0.1, test=0.2)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what other tests look at: the int8 file and the figures."""
    monkeypatch.setattr(export, "quantize", lambda network, images, path: None)
    monkeypatch.setattr(export, "with_figures", lambda card, bundle, dataset: card)
