from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.common.errors import BundleError
from model.inference.unknown import FeatureBank, known_scores, normalize_rows, read_bank, verdict_of
from model.registry.card import KnownRule

RULE = KnownRule("probability", unsure=0.8, unknown=0.6)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_likeness_is_the_cosine_to_the_kth_nearest_after_the_mean_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    train, pictures, center = rng.normal(size=(50, 6)), rng.normal(size=(4, 6)), rng.normal(size=6)
    bank = FeatureBank(normalize_rows(train - center), center)
    cosines = normalize_rows(pictures - center) @ normalize_rows(train - center).T
    for neighbor in (1, 7, 50):
        assert np.allclose(bank.similarity(pictures, neighbor), np.sort(cosines, axis=1)[:, -neighbor])
    assert bank.similarity(train[:1], 1)[0] == pytest.approx(1)


def test_the_curve_goes_through_the_thresholds() -> None:
    rows = {"probabilities": np.array([[0.2, 0.8], [0.6, 0.4], [0.99, 0.01], [0.3, 0.3], [0.5, 0.7]])}
    scores = known_scores(RULE, rows, None)
    assert scores[:2] == pytest.approx([0.5, 0.25])
    assert [verdict_of(RULE, score) for score in scores] == [
        "known",
        "unknown" if scores[1] < 0.25 else "unsure",
        "known",
        "unknown",
        "unsure",
    ]


def test_a_networks_own_number_stays_as_it_is() -> None:
    rule = KnownRule("output", unsure=0.9, unknown=0.7)
    scores = known_scores(rule, {"known": np.array([[0.95], [0.8], [0.6]])}, None)
    assert scores.tolist() == [0.95, 0.8, 0.6]
    assert [verdict_of(rule, score) for score in scores] == ["known", "unsure", "unknown"]


def test_energy_is_the_logsumexp_of_the_logits() -> None:
    rule = KnownRule("energy", unsure=np.log(3), unknown=0.0)
    assert known_scores(rule, {"logits": np.array([[0.0, 0.0, 0.0], [900.0, 0.0, 0.0]])}, None) == pytest.approx(
        [0.5, 1]
    )


def test_thresholds_that_fall_together_do_no_harm() -> None:
    rule = KnownRule("probability", 1.0, 1.0)
    scores = known_scores(rule, {"probabilities": np.array([[1.0, 0.0], [0.0, 0.5]])}, None)
    assert [verdict_of(rule, score) for score in scores] == ["known", "unknown"]
    assert verdict_of(rule, float("nan")) == ""


def test_a_bank_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(-127, 128, (30, 5)).astype(np.int8)
    center = np.arange(5, dtype=np.float32)
    bank = read_bank(saved(tmp_path / "known.npz", rows=rows, center=center))
    assert np.allclose(bank.rows * np.linalg.norm(rows.astype(float), axis=1)[:, None], rows, atol=1e-4)
    assert (bank.center == center).all()


GOOD: dict[str, Any] = {"rows": np.ones((3, 2), np.int8), "center": np.zeros(2, np.float32)}


@pytest.mark.parametrize(
    "arrays",
    [
        {"rows": GOOD["rows"]},
        GOOD | {"rows": np.ones((3, 2), np.float64)},
        GOOD | {"rows": np.array([{}, {}], object)},
        GOOD | {"rows": np.ones((0, 2), np.int8)},
        GOOD | {"rows": np.ones(6, np.int8)},
        GOOD | {"center": np.zeros(3, np.float32)},
        GOOD | {"center": np.array([0, np.nan], np.float32)},
        GOOD | {"rows": np.zeros((9000, 1000), np.int8), "center": np.zeros(1000, np.float32)},
    ],
)
def test_a_bank_of_another_form_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"known.npz is not a file of training pictures' features: "):
        read_bank(saved(tmp_path / "known.npz", **arrays))


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "known.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in GOOD.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            content = buffer.getvalue().replace(b"(3, 2)", b"(3, 9)")
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(BundleError, match=r"rows is int8 \(3, 9\)"):
        read_bank(path)
    path.write_bytes(b"no archive")
    with pytest.raises(BundleError, match="not a zip file"):
        read_bank(path)
