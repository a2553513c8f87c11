from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.few_photographs import Photographs, choose_kinds
from benchmarks.few_photographs import print_rows as print_few
from benchmarks.plot import draw_lines
from benchmarks.teach import Labelled, print_rows
from model.images.decoder import image_to_array
from tests.drawn import SHAPES
from tests.training.teach.taught import QuickBackbone, scene, shape_file


def test_each_number_of_pictures_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    backbone = QuickBackbone()
    contents = [[shape_file(shape, number)[1] for number in range(12)] for shape in SHAPES]
    tests = np.stack([image_to_array(scene(shape, 50).resize((224, 224))) for shape in SHAPES])
    data = Labelled(SHAPES, contents, backbone.features(tests), np.arange(3))
    taught, points = print_rows("drawn shapes", data, (4, 12), backbone)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("| drawn shapes | 4 |") and second.startswith("| drawn shapes | 12 |")
    assert taught.report.counts == (12, 12, 12) and [size for size, _accuracy in points] == [4, 12]
    assert points[-1][1] == 1.0 and "| 100.0% |" in second


def test_few_photographs_of_well_separated_kinds_tell_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(12), 10)
    features = (rng.normal(size=(12, 64))[kinds] * 3 + rng.normal(size=(120, 64))).astype(np.float32)
    drawn = Photographs(features, kinds, np.arange(12) < 6)
    assert set(choose_kinds(drawn, "six", 5, rng)) == set(range(6))
    assert set(choose_kinds(drawn, "four", 5, rng)) < set(range(6, 12))
    assert not len(choose_kinds(drawn, "three", 8, rng))  # too few would be left to ask about
    print_few(drawn, draws=2)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows[2:]] == [[kind, size] for kind in ("six", "three", "four") for size in "1235"]
    for _kind, size, auroc, own, others in rows[2:]:
        assert float(auroc) > 0.99 and (size == "1" or float(own.rstrip("%")) < 25 < 75 < float(others.rstrip("%")))


def test_more_right_is_higher_and_more_pictures_are_further_right() -> None:
    image = draw_lines({"CIFAR-10": [(10, 0.6), (50, 0.8), (5000, 0.9)], "one <b>": [(5, 0.9)]})
    first = re.search('points="([^"]+)"', image)
    assert first
    places = [tuple(map(float, place.split(","))) for place in first[1].split()]
    assert [x for x, _y in places] == sorted(x for x, _y in places)
    assert [y for _x, y in places] == sorted((y for _x, y in places), reverse=True)
    assert "one &lt;b&gt;" in image and "60 %" in image and "5,000" in image
