from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.documents import ENGLISH
from training.recipes.recipe import (
    DistillationSettings,
    ModelSettings,
    OptimizerSettings,
    Recipe,
    RecipeError,
    bounds_of,
    flatten,
)
from training.recipes.recipe_file import ablation_variants, load_recipe, recipe_names, to_toml
from training.runs.series import ablation_series


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_load_and_describe_themselves(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


@pytest.mark.parametrize("name", recipe_names())
def test_toml_round_trip(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(
        name, ("model.widths=[8, 16]", 'description="50 % \\"quoted\\" – ok"', "optimizer.learning_rate=1e-5")
    )
    path = tmp_path / "other.toml"
    path.write_text(to_toml(recipe), "utf-8")
    assert load_recipe(str(path)) == recipe


def test_toml_holds_every_value() -> None:
    table = tomllib.loads(to_toml(Recipe()))
    assert table["epochs"] == 10
    assert table["augmentation"]["jpeg_quality"] == [50, 95]
    assert sum(len(value) if isinstance(value, dict) else 1 for value in table.values()) == len(flatten(Recipe()))


def test_overrides_reach_tables_and_keep_the_rest() -> None:
    recipe = load_recipe(
        "fast", ("epochs=3", "optimizer.learning_rate=1", "augmentation.flip=random", "model.widths=[8, 16, 16]")
    )
    assert (recipe.epochs, recipe.augmentation.flip) == (3, "random")
    assert recipe.optimizer.learning_rate == 1.0
    assert isinstance(recipe.optimizer.learning_rate, float)
    assert recipe.model.widths == (8, 16, 16)
    assert recipe.optimizer.momentum == load_recipe("fast").optimizer.momentum


def test_a_file_holds_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 2\n[augmentation]\njpeg_quality = [10, 20]\n")
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.epochs, recipe.batch_size) == ("mine", 2, Recipe().batch_size)
    assert recipe.augmentation.jpeg_quality == (10, 20)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epoch=3", "unknown key 'epoch'; keys: name, description, reported, epochs, .*; did you mean 'epochs'"),
        (
            "optimizer.learnin_rate=3",
            r"unknown key 'optimizer\.learnin_rate'; .*did you mean 'optimizer\.learning_rate'",
        ),
        ("epochs.x=3", "unknown key 'epochs.x': 'epochs' holds a value"),
        ("optimizer=3", "'optimizer' is a table, not a value"),
        ("epochs", "'epochs' is not of the form key=value, such as epochs=5"),
        ("=3", "not of the form key=value"),
        ("epochs=2.5", "epochs wants a whole number, not 2.5"),
        ("epochs=true", "epochs wants a whole number, not True"),
        ("epochs=many", "epochs wants a whole number, not 'many'"),
        ("optimizer.learning_rate=true", "optimizer.learning_rate wants a number, not True"),
        ("optimizer.learning_rate=fast", "optimizer.learning_rate wants a number, not 'fast'"),
        ("averaging=1", "averaging wants true or false, not 1"),
        ("name=3", "name wants a word, not 3"),
        ("model.widths=8", r"model.widths wants a list such as \[1, 2\], not 8"),
        ('model.widths=["8"]', "model.widths wants a whole number, not '8'"),
        ("epochs=0", "epochs is 0; it can be 1 to 100000"),
        ("label_smoothing=1", "label_smoothing is 1.0; it can be 0.0 to 0.99"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate is nan; it must be a finite number"),
        ("optimizer.weight_decay=nan", "optimizer.weight_decay is nan; it must be a finite number"),
        ("optimizer.bias_scale=-inf", "optimizer.bias_scale is -inf; it must be a finite number"),
        ("optimizer.kernel_scale=1e999", "optimizer.kernel_scale is inf; it must be a finite number"),
        ("schedule.scales=[0.5, nan]", r"schedule\.scales is nan; it must be a finite number"),
        ("distillation.teacher=caf\udce9", r"distillation\.teacher is 'caf.*'; it must be text in UTF-8"),
        ("augmentation.jpeg=1.1", "augmentation.jpeg is 1.1; it can be 0.0 to 1.0"),
        ("seed=-1", "seed is -1; it can be 0 to"),
        ("data.seed=-1", "data.seed is -1; it can be 0 to"),
        ("augmentation.flip=up", "augmentation.flip is 'up'; it can be none, random, alternating"),
        ("optimizer.name=adamw", "optimizer.name is 'adamw'; it can be adam, channel_adam, sgd"),
        (
            "augmentation.jpeg_quality=[95, 50]",
            r"jpeg_quality is \[95, 50\]; it is two numbers of 1 to 100, lowest first",
        ),
        ("augmentation.jpeg_quality=[50]", "jpeg_quality is"),
    ],
)
def test_a_wrong_override_is_named_with_what_would_be_right(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe("fast", (override,))


def test_a_prior_has_a_temperature_of_its_own() -> None:
    with pytest.raises(RecipeError, match=r"prior\.known and calibration=adaptive do not go together"):
        load_recipe("photo", ("calibration=adaptive",))


@pytest.mark.parametrize(
    ("override", "keys"),
    [
        ("learning_rate=0.1", "'optimizer.learning_rate', 'fine_tuning.learning_rate'"),
        ("lr=0.1", "'optimizer.learning_rate', 'fine_tuning.learning_rate'"),
        ("optimizer.lr=0.1", "'optimizer.learning_rate'"),
        ("optim.lr=0.1", "'optimizer.learning_rate'"),
        ("optimizer.rate=0.1", "'optimizer.learning_rate'"),
        ("optimiser.learning_rate=0.1", "'optimizer.learning_rate'"),
        ("optimiser=sgd", "'optimizer.name'"),
        ("shift=2", "'augmentation.shift'"),
        ("flip=random", "'augmentation.flip'"),
        ("model.flp=random", "'augmentation.flip'"),
        ("augmentation_flip=random", "'augmentation.flip'"),
        ("architecture=resnet", "'model.architecture'"),
        ("momentum=0.8", "'optimizer.momentum'"),
        ("finetuning.epoch=2", "'fine_tuning.epochs'"),
    ],
)
def test_a_wrong_key_brings_the_whole_keys_that_are_near(override: str, keys: str) -> None:
    with pytest.raises(RecipeError) as raised:
        load_recipe("fast", (override,))
    assert str(raised.value).startswith(f"unknown key '{override.partition('=')[0]}'; keys: ")
    assert str(raised.value).endswith(f"; did you mean {keys}?")


def test_a_key_like_no_other_brings_none() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'zzz\.zzz'; keys: (?!.*did you mean)"):
        load_recipe("fast", ("zzz.zzz=1",))


def test_text_beyond_the_usual_is_read_back(tmp_path: Path) -> None:
    text = 'hedgehog 🦔 "quoted" \\ tab\t line\n delete \x7f end'
    recipe = Recipe(description=text, distillation=DistillationSettings(teacher=text))
    path = tmp_path / "custom.toml"
    path.write_text(to_toml(recipe), "utf-8")
    assert load_recipe(str(path)) == recipe


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(RecipeError, match=r"unknown recipe 'fsat'; recipes: .*fast.*; did you mean 'fast'\?"):
        load_recipe("fsat")


def test_every_name_in_the_table_of_recipes_is_a_recipe() -> None:
    names = re.findall(r"^\| `([\w-]+)` \|", ENGLISH["docs/training.md"].partition("## Recipes")[2], re.MULTILINE)
    assert "vgg3-plain" in names and names == recipe_names()
    assert all(load_recipe(name).name == name for name in names)


def test_a_variant_of_an_ablation_is_a_recipe_like_any() -> None:
    plain = load_recipe("vgg3-plain", ("epochs=3",))
    assert (plain.model.architecture, plain.model.batch_norm, plain.epochs) == ("vgg3", False, 3)
    assert load_recipe("vgg3-batch-norm").model.batch_norm
    assert [member.recipe for member in ablation_series("vgg3")] == [
        load_recipe(name) for name in ablation_variants("vgg3")
    ]
    with pytest.raises(RecipeError, match=r"unknown recipe 'vgg3-plian'; .*did you mean 'vgg3-plain'\?"):
        load_recipe("vgg3-plian")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("epochs = = 3\n")
    with pytest.raises(RecipeError, match=r"broken\.toml is not a TOML file"):
        load_recipe(str(path))


def test_every_number_has_bounds() -> None:
    kinds = [Recipe, *(hint for hint in get_type_hints(Recipe).values() if dataclasses.is_dataclass(hint))]
    numbers = 0
    for kind in kinds:
        plain, whole = get_type_hints(kind), get_type_hints(kind, include_extras=True)
        for name in plain:
            if plain[name] in (int, float):
                low, high = bounds_of(whole[name])
                assert low < high, name
                numbers += 1
    assert numbers > 30


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OptimizerSettings(weight_decay=-1.0), "optimizer.weight_decay is -1.0; it can be 0.0 to 100.0"),
        (lambda: ModelSettings(widths=(8, 0)), "model.widths is 0; it can be 1 to 65536"),
        (lambda: dataclasses.replace(Recipe(), epochs=0), "epochs is 0; it can be 1 to 100000"),
    ],
)
def test_a_wrong_value_is_a_sentence_wherever_it_comes_from(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(words)):
        make()
