from __future__ import annotations

import pytest

from training.recipes.recipe import Recipe, RecipeError
from training.recipes.recipe_file import load_recipe
from training.recipes.search_space import check_axes, grid, parse_axis, with_values


def values(text: str) -> tuple[str, ...]:
    return parse_axis(text, Recipe()).grid()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.learning_rate=0.01,0.03", ("0.01", "0.03")),
        ("optimizer.learning_rate=0.01, 0.01", ("0.01",)),
        ("optimizer.name=adam,sgd", ("adam", "sgd")),
        ("optimizer.name='adam','sgd'", ('"adam"', '"sgd"')),
        ("model.widths=[8,16],[16,32]", ("[8, 16]", "[16, 32]")),
        ("averaging=true,false", ("true", "false")),
        ("augmentation.shift=1:4", ("1", "2", "3", "4")),
        ("augmentation.shift=0:5:2", ("0", "2", "4")),
        ("model.dropout=0.1:0.5:0.2", ("0.1", "0.3", "0.5")),
        ("optimizer.learning_rate=0.0001:0.1:log", ("0.0001", "0.001", "0.01", "0.1")),
        ("optimizer.learning_rate=2e-4:1e-1:log", ("0.0002", "0.002", "0.02")),
        ("batch_size=1:100:log", ("1", "10", "100")),
    ],
)
def test_values_and_ranges(text: str, expected: tuple[str, ...]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs", "'epochs' is not of the form key=values"),
        ("epochs=", "'epochs=' is not of the form key=values"),
        ("epochs=4:1", "epochs=4:1 is no range: it goes up"),
        ("epochs=1:4:0", "epochs=1:4:0 is no range"),
        ("model.l2=0:1:log", r"model.l2=0:1:log is no range: .* from above 0 with log"),
        ("epochs=1:2.5", "epochs=1:2.5 is a range of whole numbers"),
        ("optimizer.name=1:2", "optimizer.name has no ranges, as it is no number"),
        ("model.dropout=0:0.8", r"model.dropout=0:0.8 has no step; write model.dropout=0:0.8:0.2, or search it with"),
        ("epochs=1:100000", "that would be 100,000 runs, and a grid has at most 1,000"),
    ],
)
def test_what_is_no_range_is_a_sentence(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        values(text)


def test_a_grid_is_every_combination() -> None:
    axes = [parse_axis(text, Recipe()) for text in ("augmentation.shift=1:2", "optimizer.name=adam,sgd")]
    found = grid(axes)
    assert found == [
        {"augmentation.shift": shift, "optimizer.name": name} for shift in ("1", "2") for name in ("adam", "sgd")
    ]
    recipe = with_values(load_recipe("fast", ("epochs=3",)), found[3])
    assert (recipe.augmentation.shift, recipe.optimizer.name, recipe.epochs) == (2, "sgd", 3)
    with pytest.raises(RecipeError, match="that would be 10,000 runs"):
        grid([parse_axis(text, Recipe()) for text in ("epochs=1:100", "batch_size=1:100")])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((), "a sweep needs values to try"),
        (("epochs=1,2", "epochs=3,4"), "epochs is given twice"),
        (("epochs=1,0",), "epochs is 0; it can be 1 to 100000"),
        (("augmentation.shift=10:40",), "augmentation.shift is 40; it can be 0 to 16"),
        (("optimizer.lr=0.1,0.2",), r"unknown key 'optimizer.lr'.*did you mean 'optimizer.learning_rate'"),
        (("optimizer.lr=0.1:0.2",), "unknown key 'optimizer.lr'"),
        (("optimizer.name=adam,adamw",), "optimizer.name is 'adamw'; it can be adam, "),
        (("fine_tuning.epochs=5,30", "epochs=10,20"), "fine_tuning.epochs is 30; they are the last of the 10 epochs"),
    ],
)
def test_a_bad_value_is_named_before_anything_starts(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        check_axes([parse_axis(text, Recipe()) for text in texts], Recipe())


def test_values_that_go_together_with_some_of_the_others_are_fine() -> None:
    check_axes([parse_axis(text, Recipe()) for text in ("fine_tuning.epochs=5,15", "epochs=10,20")], Recipe())
