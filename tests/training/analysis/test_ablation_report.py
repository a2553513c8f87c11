from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.training.made_up_runs import make_run, measured
from training.analysis.ablation_report import compare_runs, differences
from training.recipes.recipe import Recipe, flatten
from training.runs.run import Run
from training.runs.series import ablation_series

SHARES = {"plain": 0.7, "batch-norm": 0.82, "l2": 0.705, "dropout": 0.66, "augmentation": 0.84}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Values by dotted key as tables, as TOML reads them: lists, no tuples."""
    table: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        place = table
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return dict(json.loads(json.dumps(table)))


def variants(*settings: str) -> dict[str, Run]:
    """A finished run for the variants of vgg3, with their real recipes."""
    members = {member.name.removeprefix("vgg3-"): member for member in ablation_series("vgg3", settings)}
    return {
        name: replace(measured(f"vgg3-{name}", share), recipe=nested(flatten(members[name].recipe)))
        for name, share in SHARES.items()
    }


def test_what_each_variant_of_an_ablation_gained() -> None:
    (sentence,) = compare_runs(list(variants().values()))
    assert sentence == (
        "In vgg3, over plain (70.0%): batch-norm helped by 12.0 points; l2 changed nothing for certain (0.5 points); "
        "dropout cost 4.0 points; augmentation helped by 14.0 points. One run each, on CIFAR-10, all 10,000 test "
        "pictures. Less than about 1.3 points can be chance with 10,000 pictures."
    )


def test_one_variant_that_is_shown_is_compared_with_all() -> None:
    runs = variants()
    assert compare_runs([runs["augmentation"]], list(runs.values())) == compare_runs(list(runs.values()))
    assert compare_runs([measured("mine", 0.9)], list(runs.values())) == []


def test_a_variant_made_with_other_values_is_left_out() -> None:
    runs = variants()
    runs["l2"] = variants("epochs=3")["l2"]
    (sentence,) = compare_runs(list(runs.values()))
    assert "l2" not in sentence
    assert "augmentation helped by 14.0 points" in sentence


def test_without_the_plain_run_nothing_is_claimed() -> None:
    runs = variants()
    del runs["plain"]
    assert compare_runs(list(runs.values())) == []


def test_a_variant_that_was_stopped_early_is_left_out() -> None:
    runs = variants()
    runs["dropout"] = replace(runs["dropout"], metrics=runs["dropout"].metrics | {"status": "interrupted"})
    (sentence,) = compare_runs(list(runs.values()))
    assert "dropout" not in sentence
    assert "augmentation helped by 14.0 points" in sentence


def test_what_can_be_chance_depends_on_the_share() -> None:
    runs = variants()
    for name, share in (("plain", 0.99), ("l2", 0.991)):
        runs[name] = replace(runs[name], metrics=measured("", share).metrics)
    assert "Less than about 0.3 points can be chance" in compare_runs(list(runs.values()))[0]


def test_a_run_that_was_stopped_early_is_not_compared() -> None:
    one, other = measured("a", 0.60, augmentation={"cutout": 0}), measured("b", 0.92, augmentation={"cutout": 8})
    assert "only augmentation.cutout differs" in compare_runs([one, other])[0]
    stopped = replace(one, metrics=one.metrics | {"status": "interrupted"})
    assert compare_runs([stopped, other]) == []


def test_a_renamed_run_is_still_its_variant() -> None:
    runs = [replace(run, name=f"my-{run.name}") for run in variants().values()]
    assert "augmentation helped by 14.0 points" in compare_runs(runs)[0]


def test_one_value_may_be_given_the_credit() -> None:
    one = measured("a", 0.80, augmentation={"flip": "none"})
    other = measured("b", 0.84, augmentation={"flip": "random"}, seed=3)
    assert compare_runs([one, other]) == [
        "b is 4.0 points better than a on CIFAR-10, all 10,000 test pictures; only augmentation.flip differs, random "
        "instead of none (one run each)."
    ]


def test_of_several_values_none_is_given_the_credit() -> None:
    one, other = measured("a", 0.80, epochs=3, batch_size=8), measured("b", 0.84, epochs=4, batch_size=9)
    assert "2 values differ, so that none of them can be given the credit" in compare_runs([one, other])[0]


def test_a_difference_within_chance_is_no_gain() -> None:
    one, other = measured("a", 0.800, epochs=3), measured("b", 0.805, epochs=4)
    assert "0.5 points apart on CIFAR-10, all 10,000 test pictures: too little" in compare_runs([one, other])[0]
    few = measured("a", 0.8, 20, epochs=3), measured("b", 0.9, 20, epochs=4)
    assert "too little to tell from chance" in compare_runs(few)[0]


def test_the_same_values_differ_in_the_seed_or_the_data() -> None:
    assert (
        "only the seed or the data differ" in compare_runs([measured("a", 0.8, seed=1), measured("b", 0.9, seed=2)])[0]
    )


@pytest.mark.parametrize(
    "other",
    [
        measured("b", 0.9, title="shapes test, all 36"),
        measured("b", 0.9, n=36),
        make_run([1.0, 0.5]),
        replace(measured("b", 0.9), metrics={"accuracy": {"cifar10 test, all 10,000": {"n": "x", "keras": None}}}),
        replace(measured("b", 0.9), metrics={"accuracy": {"cifar10 test, all 10,000": 3}}),
    ],
)
def test_runs_measured_on_different_pictures_are_not_compared(other: Run) -> None:
    assert compare_runs([measured("a", 0.8), other]) == []


def test_a_value_that_an_older_run_does_not_name_is_the_default() -> None:
    old, new = measured("a", 0.8, batch_size=8), measured("b", 0.9, batch_size=8)
    told = replace(new, recipe=nested(flatten(Recipe(epochs=10, batch_size=8, patience=3))))
    assert differences(old, told) == {"patience": (10, 3)}
    assert differences(replace(old, recipe={}), replace(new, recipe={})) == {}


def test_names_and_seeds_are_no_differences() -> None:
    one = measured("a", 0.8, description="x", seed=1, model={"depth": 1})
    other = measured("b", 0.8, description="y", seed=2, model={"depth": 2})
    assert differences(one, other) == {"model.depth": (1, 2)}
