from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from benchmarks import photographs
from benchmarks.photographs import auroc, measure
from model.inference.classifier import Classifier
from model.signature.shapes import InputShape
from tests.shaped import card_of


def test_the_area_counts_pairs_in_the_right_order() -> None:
    assert auroc(np.array([0.9, 0.8]), np.array([0.1, 0.2, 0.3])) == 1
    assert auroc(np.array([0.5, 0.1]), np.array([0.5, 0.3])) == pytest.approx((0.5 + 1 + 0 + 0) / 4)


def paint(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (level, level, level)).save(path)


def test_figures_of_a_network_that_tells_light_from_dark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(InputShape(8, 8), "none")
    dark, light = card.classes[:2]
    for place, level in enumerate((10, 20, 30, 200)):
        paint(tmp_path / "ten" / dark / f"{place}.png", level)
    paint(tmp_path / "ten" / light / "0.png", 250)
    paint(tmp_path / "none" / "near-grey" / "0.png", 25)
    paint(tmp_path / "none" / "far-grey" / "0.png", 128)

    def forward(images: np.ndarray) -> np.ndarray:
        brightness = images.mean(axis=(1, 2, 3)) / 255
        rows = np.zeros((len(images), len(card.classes)), np.float32)
        rows[:, 0], rows[:, 1] = 1 - brightness, brightness
        return rows

    classifier = Classifier(card, "keras", forward)
    found = measure(classifier, tmp_path)
    assert (found.photographs, found.others, found.accuracy) == (5, 2, 0.8)
    assert found.balanced == pytest.approx((0.75 + 1) / 2)
    assert found.auroc_far == 1 and 0 < found.auroc_near < 1
    assert found.auroc == pytest.approx((found.auroc_near + found.auroc_far) / 2)
    monkeypatch.setattr(photographs.Classifier, "load", lambda *_arguments: classifier)
    app = typer.Typer()
    app.command()(photographs.main)
    said = CliRunner().invoke(app, [str(tmp_path), "--model", "mine", "--engine", "keras"])
    assert said.exit_code == 0 and "| mine | keras | 5 | 80.0% | 87.5% |" in said.stdout
