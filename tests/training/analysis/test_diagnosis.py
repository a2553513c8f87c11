from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.training.made_up_runs import make_run, wavering
from training.analysis.diagnosis import diagnose
from training.runs.history import History
from training.runs.run import Run, list_runs

FALLING = 0.4 + 1.6 * np.exp(-np.arange(30) / 8)
U_SHAPED = np.concatenate([np.linspace(1.6, 0.8, 12), np.linspace(0.82, 1.3, 18)])


def kinds(run: Run) -> list[str]:
    return [remark.kind for remark in diagnose(run)]


def said(run: Run) -> str:
    return " ".join(remark.sentence for remark in diagnose(run))


def test_overfitting_is_said_with_its_epoch_and_its_figures() -> None:
    run = make_run(FALLING, U_SHAPED)
    assert kinds(run) == ["overfitting"]
    assert said(run) == (
        "Validation loss rises from epoch 12 on (0.82 to 1.27) while training loss falls (0.80 to 0.44): "
        "it overfits from there."
    )


@pytest.mark.parametrize("seed", range(20))
def test_overfitting_is_found_through_noise_near_its_epoch(seed: int) -> None:
    run = make_run(wavering(FALLING, 0.005, seed), wavering(U_SHAPED, 0.03, seed))
    (remark,) = diagnose(run)
    assert remark.kind == "overfitting"
    epoch = int(remark.sentence.partition("epoch ")[2].partition(" ")[0])
    assert 10 <= epoch <= 15


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        (np.linspace(0.5, 0.9, 30), "Validation accuracy still rises after that, to 88.6%."),
        (np.concatenate([np.linspace(0.5, 0.9, 12), np.linspace(0.9, 0.7, 18)]), "accuracy falls too, to 71.2%."),
    ],
)
def test_accuracy_need_not_go_the_way_of_the_loss(accuracies: np.ndarray, words: str) -> None:
    assert words in said(make_run(FALLING, U_SHAPED, accuracies, accuracies))


def test_noise_about_a_level_is_not_overfitting() -> None:
    found = [kinds(make_run(FALLING, wavering(np.ones(30), 0.05, seed)))[0] for seed in range(200)]
    assert found.count("overfitting") <= 2
    assert found.count("rises") == 0
    assert found.count("level while training falls") >= 190


def test_a_loss_that_falls_to_the_end_is_called_so() -> None:
    run = make_run(FALLING, FALLING + 0.1)
    assert kinds(run) == ["falling"]
    assert said(run).startswith("Validation loss was still falling when it ended (0.60 to 0.55 over the last 8 epochs)")
    assert "more epochs may help" in said(run)


def test_with_a_falling_rate_more_epochs_are_not_promised() -> None:
    run = make_run(FALLING, FALLING, rate=np.linspace(1, 0.01, 30))
    assert kinds(run) == ["falling with the rate"]
    assert "more epochs may help" not in said(run)


def test_a_run_still_going_on_has_not_ended() -> None:
    run = make_run(FALLING, FALLING, status="running", epochs=60)
    assert said(run) == "Validation loss is still falling (0.50 to 0.45 over the last 8 epochs)."


def test_learning_by_heart_without_harm_is_no_overfitting() -> None:
    level = wavering(np.concatenate([np.linspace(1.6, 0.9, 10), np.full(20, 0.9)]), 0.01)
    run = make_run(FALLING, level)
    assert kinds(run) == ["level while training falls"]
    assert "no longer carries over" in said(run)


def test_underfitting_is_low_and_level_on_both() -> None:
    level = wavering(np.concatenate([np.linspace(2.3, 1.7, 8), np.full(22, 1.7)]), 0.005)
    run = make_run(level, level + 0.02, np.full(30, 0.41), np.full(30, 0.40))
    assert kinds(run) == ["underfitting"]
    assert "right on only 41.0% of its training and 40.0% of its validation pictures" in said(run)
    assert kinds(make_run(level, level + 0.02, np.full(30, 0.95), np.full(30, 0.94))) == ["level"]


def test_divergence() -> None:
    run = make_run([2.3, 1.9, 1.6, 1.5, 2.8, 6.0, 9.0], np.full(7, 2.0))
    assert kinds(run) == ["diverged"]
    assert said(run).startswith("Training loss itself rises after epoch 4, from 1.50 to 6.00")
    assert kinds(make_run([2.3, 1.5, 40.0])) == ["diverged"]
    assert kinds(make_run([2.3, 1.5, float("inf"), 1.0, 1.0])) == ["diverged"]
    assert "epoch 3" in said(make_run([2.3, 1.5, float("nan"), 1.0, 1.0]))


def test_validation_loss_that_is_no_number_any_more_has_diverged() -> None:
    for lost in (float("nan"), float("inf")):
        val = FALLING.copy()
        val[20:] = lost
        run = make_run(FALLING, val)
        assert kinds(run) == ["diverged"]
        assert said(run).startswith("Validation loss is no number in epoch 21: it diverged")
    assert kinds(make_run(FALLING, np.full(30, np.nan), val_accuracy=np.full(30, 0.1))) == ["diverged"]


def test_a_network_that_learns_nothing() -> None:
    run = make_run(wavering(np.full(12, 2.303), 0.002), np.full(12, 2.303))
    assert kinds(run) == ["learns nothing"]
    assert said(run) == "Training loss has not fallen in 12 epochs (2.30): it learns nothing this way."


def test_few_epochs_are_no_trend() -> None:
    assert said(make_run([2.0, 1.5, 1.2], [2.0, 1.6, 1.4])) == (
        "3 epochs are too few to speak of a trend: validation loss went from 2.00 to 1.40."
    )
    assert kinds(make_run([2.0])) == ["short"]
    assert diagnose(make_run([])) == []


def test_epochs_that_are_left_out_of_a_long_run_count_all_the_same() -> None:
    stuck = make_run(wavering(np.full(1000, 2.303), 0.002), np.full(1000, 2.303))
    assert "has not fallen in 1000 epochs" in said(stuck)
    falling = make_run(np.linspace(2, 1, 1000), np.linspace(2.1, 1.1, 1000))
    assert "over the last 246 epochs" in said(falling)  # 50 of 200 points: each fifth epoch


def test_without_validation_pictures_nothing_is_said_about_overfitting() -> None:
    assert "nothing shows whether it overfits" in said(make_run(FALLING))
    assert "overfitting" not in kinds(make_run(FALLING))


def test_validation_above_training_is_explained_by_the_recipe_alone() -> None:
    train, val = np.linspace(0.4, 0.62, 30), np.linspace(0.45, 0.7, 30)
    run = make_run(FALLING, FALLING, train, val, augmentation={"flip": "random", "shift": 0}, model={"dropout": 0.2})
    assert kinds(run)[-1] == "validation above training"
    assert said(run).endswith("as it may: only training has to cope with mirrored pictures, dropout.")
    bare = make_run(FALLING, FALLING, train, val, augmentation={"flip": "none"}, model={"architecture": "vgg3"})
    assert "nothing in the recipe makes training harder" in said(bare)
    own = make_run(FALLING, FALLING, train, val, model={"architecture": "dropout_stages", "dropout": 0.0})
    assert said(own).endswith("cope with dropout.")
    parts = {"prune": 0.3, "smaller": "cropped", "scales": [0.75, 1.0]}
    cut = make_run(FALLING, FALLING, train, val, schedule=parts, model={"architecture": "vgg3"})
    assert said(cut).endswith("cope with the harder ones of the pictures, pieces of the pictures.")
    whole = make_run(FALLING, FALLING, train, val, schedule=parts | {"scales": [1.0]}, model={"architecture": "vgg3"})
    assert said(whole).endswith("cope with the harder ones of the pictures.")


def test_a_wide_gap_is_said_in_points() -> None:
    run = make_run(FALLING, FALLING, np.full(30, 0.95), np.full(30, 0.8))
    assert "lies 15.0 points above validation accuracy (80.0%)" in said(run)


@pytest.mark.parametrize(
    ("status", "words"), [("interrupted", "It was stopped after"), ("cut off", "It was cut off after")]
)
def test_how_a_run_ended_early(status: str, words: str) -> None:
    assert said(make_run(FALLING, FALLING, status=status, epochs=60)).startswith(f"{words} 30 of 60 epochs.")


def test_early_stopping_names_the_best_epoch() -> None:
    accuracies = np.concatenate([np.linspace(0.5, 0.9, 20), np.full(10, 0.89)])
    run = make_run(FALLING, FALLING, accuracies, accuracies, epochs=60, patience=10)
    assert said(run).startswith("It ended by itself after 30 of 60 epochs: 10 brought nothing better than epoch 20.")
    assert said(replace(run, recipe={"epochs": 60, "patience": 11})).startswith("It ended after 30 of 60 epochs.")


def test_a_very_long_run_is_looked_at_quickly_and_whole() -> None:
    n = 20_000
    loss = 0.4 + 1.6 * np.exp(-np.arange(n) / 5000)
    val = np.concatenate([np.linspace(1.6, 0.8, n // 2), np.linspace(0.8, 1.3, n // 2)])
    (remark,) = diagnose(make_run(loss, val))
    assert remark.kind == "overfitting"
    assert "(0.80 to 1.30)" in remark.sentence.replace("1.29", "1.30")


@pytest.mark.parametrize("value", [None, "", "many", -1, [], {}, 1e400])
def test_a_recipe_of_rubbish_breaks_nothing(value: Any) -> None:
    keys = ("epochs", "patience", "monitor", "augmentation", "model")
    for n in (1, 3, 30):
        run = make_run(FALLING[:n], FALLING[:n], np.full(n, 0.5), np.full(n, 0.9))
        assert said(replace(run, recipe=dict.fromkeys(keys, value)))


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan"), float("inf"), 1e300])
def test_figures_of_rubbish_break_nothing(value: float) -> None:
    for n in (1, 2, 6, 40):
        column = tuple([value] * n)
        diagnose(replace(make_run(FALLING[:1]), history=History(*[column] * 7)))


def test_the_shipped_runs_get_a_sentence_without_a_warning() -> None:
    for run in list_runs():
        assert diagnose(run), json.dumps(run.recipe)
