from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor

from model.cli.plot import STRONG, WEAK, PlottedPicture, save_plot
from model.inference.prediction import Prediction
from tests.drawn import encode, open_image, picture


def plotted(name: str, *probabilities: float) -> PlottedPicture:
    labels = tuple(f"class {index}" for index in range(len(probabilities)))
    return PlottedPicture(
        name, encode(picture(0), "PNG"), Prediction.from_probabilities(list(probabilities), labels, "m", 1.0)
    )


def widths(image: Image.Image, colour: str) -> list[int]:
    """The lengths of the bars of a colour, from top to bottom."""
    rows = (np.asarray(image) == ImageColor.getrgb(colour)).all(axis=2).sum(axis=1)
    starts = np.flatnonzero((rows[1:] > 0) & (rows[:-1] == 0)) + 1
    return [int(rows[start : start + 18].max()) for start in starts]


def test_bars_are_as_long_as_probabilities(tmp_path: Path) -> None:
    save_plot([plotted("a.png", 0.2, 0.6, 0.1, 0.1)], 3, tmp_path / "out.png")
    image = open_image(tmp_path / "out.png")
    (strong,) = widths(image, STRONG)
    weak = widths(image, WEAK)
    assert len(weak) == 2  # top 3
    assert weak[0] / strong == pytest.approx(1 / 3, abs=0.02)
    assert weak[1] / strong == pytest.approx(1 / 6, abs=0.02)


def test_many_pictures_make_a_sheet_of_two_columns(tmp_path: Path) -> None:
    save_plot([plotted("a.png", 0.5, 0.5)], 2, tmp_path / "one.png")
    save_plot([plotted(f"{n}.png", 0.5, 0.5) for n in range(5)], 2, tmp_path / "five.png")
    one, five = open_image(tmp_path / "one.png"), open_image(tmp_path / "five.png")
    assert five.size == (2 * one.width, 3 * one.height)


def test_long_and_strange_texts_stay_within_the_picture(tmp_path: Path) -> None:
    labels = ("x" * 500, "بطة\x1b[31m")
    prediction = Prediction.from_probabilities([0.9, 0.1], labels, "m" * 300, 1.0)
    save_plot([PlottedPicture("n" * 300, b"only the server could read this", prediction)], 2, tmp_path / "out.webp")
    margin = np.asarray(open_image(tmp_path / "out.webp").convert("L"))[:, -20:]
    assert margin.min() > 245


def test_a_suffix_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"should end in \.png"):
        save_plot([plotted("a.png", 0.5, 0.5)], 2, tmp_path / "out.doc")


def test_a_sheet_that_is_too_high_for_webp_is_refused_and_png_takes_it(tmp_path: Path) -> None:
    cards = [plotted("a.png", 0.5, 0.5)] * 200
    with pytest.raises(ValueError, match=r"WebP takes up to 16,383 pixels a side, and this has \d\d,\d{3}; \.png"):
        save_plot(cards, 2, tmp_path / "out.webp")
    assert not (tmp_path / "out.webp").exists()
    save_plot(cards, 2, tmp_path / "out.png")
    assert open_image(tmp_path / "out.png").height > 16_383


def test_a_disk_that_is_full_leaves_the_sheet_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(image: Image.Image, file: Any, kind: str = "") -> None:
        (file.open("wb") if isinstance(file, Path) else file).write(b"half a pict")
        raise OSError(28, "No space left on device")

    card = plotted("a.png", 0.5, 0.5)
    (tmp_path / "out.png").write_bytes(b"before")
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OSError, match="No space"):
        save_plot([card], 2, tmp_path / "out.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]
