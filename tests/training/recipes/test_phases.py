from __future__ import annotations

from training.recipes.phases import Phase, image_sizes, split_into_phases
from training.recipes.recipe import FineTuningSettings, ModelSettings, Recipe, ScheduleSettings


def recipe(epochs: int, scales: tuple[float, ...] = (1.0,), tuned: int = 0) -> Recipe:
    return Recipe(
        epochs=epochs,
        model=ModelSettings(input_size=16),
        schedule=ScheduleSettings(scales=scales),
        fine_tuning=FineTuningSettings(epochs=tuned),
    )


def test_pictures_grow_in_equal_shares_of_the_epochs() -> None:
    assert image_sizes(recipe(7, (0.5, 0.5, 1.0))) == [8, 8, 16]
    assert split_into_phases(recipe(7, (0.5, 0.5, 1.0))) == [Phase(False, ((0, 4, 8), (4, 7, 16)))]


def test_a_single_epoch_has_pictures_of_the_last_size() -> None:
    assert split_into_phases(recipe(1, (0.5, 0.5, 1.0))) == [Phase(False, ((0, 1, 16),))]


def test_the_last_epochs_are_a_phase_of_fine_tuning() -> None:
    assert split_into_phases(recipe(5, tuned=2)) == [Phase(False, ((0, 3, 16),)), Phase(True, ((3, 5, 16),))]
    whole = split_into_phases(recipe(6, (0.5, 1.0), tuned=4))
    assert whole == [Phase(False, ((0, 2, 8),)), Phase(True, ((2, 3, 8), (3, 6, 16)))]
    assert [(phase.begin, phase.end) for phase in whole] == [(0, 2), (2, 6)]
