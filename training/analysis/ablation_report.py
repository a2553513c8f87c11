"""Compare the runs of an ablation, or two runs, in sentences: what each value gained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.datasets.display_names import test_set_title
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe, flatten
from training.recipes.recipe_file import ablation_names
from training.runs.run import Run
from training.runs.series import SeriesRun, ablation_series

_DESCRIPTIVE_KEYS = ("name", "description", "reported")  # values of a recipe that decide nothing
_CLEAR_ERRORS = 2.0  # standard errors by which two accuracies must differ


@dataclass(frozen=True)
class _Measurement:
    """A run's share right on a test set, with the number of its pictures."""

    share: float
    n: int


def compare_runs(shown: Sequence[Run], runs: Sequence[Run] = ()) -> list[str]:
    """Compare the runs that are shown.

    There is one sentence for each ablation that a run belongs to, with all its variants among `runs`; without any
    ablation, one sentence for two runs. Runs that were stopped early are left out, because their final accuracy is
    unknown.

    Args:
        shown: The runs on the page.
        runs: All runs, in which the other variants are looked up.
    """
    names = [str(run.recipe.get("name")) for run in shown]
    finished = [run for run in [*shown, *runs] if run.status == "finished"]
    touched = [title for title in ablation_names() if any(name.startswith(f"{title}-") for name in names)]
    found = [sentence for title in touched if (sentence := _describe_ablation(title, ablation_series(title), finished))]
    if not found and len(shown) == 2 and all(run.status == "finished" for run in shown):
        found = [sentence for sentence in [_describe_pair(*shown)] if sentence]
    return found


def _describe_ablation(title: str, members: Sequence[SeriesRun], runs: Sequence[Run]) -> str:
    """What each variant gained over the first one, in points of test accuracy; empty where that cannot be told.

    A run counts as a variant if it differs from the first one's run in just the values that the variant differs in.
    """
    by_name = {run.recipe.get("name"): run for run in reversed(runs)}
    base, *variants = members
    reference = by_name.get(base.name)
    if reference is None:
        return ""
    parts, sets, small = [], set(), False
    for member in variants:
        run = by_name.get(member.name)
        if run is None or set(differences(reference, run)) != _intended_differences(base, member):
            continue
        common = _largest_common_set(reference, run)
        if common is None:
            continue
        where, (before, after) = common
        sets.add((where, before))
        parts.append(_describe_gain(member.name.removeprefix(f"{title}-"), before, after))
        small = small or not _is_clear(before, after)
    if not parts or len(sets) != 1:
        return ""
    where, before = sets.pop()
    sentence = _("In {ablation}, over {base} ({accuracy}): {gains}. One run each, on {test_set}.").format(
        ablation=title,
        base=base.name.removeprefix(f"{title}-"),
        accuracy=percentage(before.share),
        gains="; ".join(parts),
        test_set=test_set_title(where),
    )
    return f"{sentence} {_describe_chance(before)}" if small else sentence


def _describe_gain(variant: str, before: _Measurement, after: _Measurement) -> str:
    points = decimal(abs(100 * (after.share - before.share)))
    if not _is_clear(before, after):
        return _("{variant} changed nothing for certain ({points} points)").format(variant=variant, points=points)
    if after.share > before.share:
        return _("{variant} helped by {points} points").format(variant=variant, points=points)
    return _("{variant} cost {points} points").format(variant=variant, points=points)


def _describe_chance(before: _Measurement) -> str:
    return _("Less than about {points} points can be chance with {count} pictures.").format(
        points=decimal(100 * _CLEAR_ERRORS * math.sqrt(2 * _variance(before))), count=integer(before.n)
    )


def _describe_pair(one: Run, other: Run) -> str:
    """How two runs compare, and whether one value can be what made the difference; empty without a common test set."""
    common = _largest_common_set(one, other)
    if common is None:
        return ""
    where, shares = common
    keys = differences(one, other)
    better, worse = (one, other) if shares[0].share >= shares[1].share else (other, one)
    values = {
        "better": better.name,
        "worse": worse.name,
        "points": decimal(100 * abs(shares[0].share - shares[1].share)),
        "test_set": test_set_title(where),
    }
    if not _is_clear(*shares):
        return _(
            "{better} and {worse} lie {points} points apart on {test_set}: too little to tell from chance."
        ).format(**values)
    if not keys:
        return _(
            "{better} is {points} points better than {worse} on {test_set}, with the same values: only the seed or "
            "the data differ."
        ).format(**values)
    if len(keys) == 1:
        key, (first, second) = next(iter(keys.items()))
        mine, its = (first, second) if better is one else (second, first)
        sentence = _(
            "{better} is {points} points better than {worse} on {test_set}; only {key} differs, {value} instead of "
            "{other} (one run each)."
        )
        return sentence.format(**values, key=key, value=format_value(mine), other=format_value(its))
    sentence = _(
        "{better} is {points} points better than {worse} on {test_set}; {count} values differ, so that none of them "
        "can be given the credit."
    )
    return sentence.format(**values, count=len(keys))


def _is_clear(one: _Measurement, other: _Measurement) -> bool:
    """Whether two shares differ by more than the standard error of their difference explains, twice over."""
    return abs(one.share - other.share) > _CLEAR_ERRORS * math.sqrt(_variance(one) + _variance(other))


def _variance(measured: _Measurement) -> float:
    """Of a share of so many pictures; not nothing where all of them or none are right."""
    return max(measured.share * (1 - measured.share), 1 / measured.n) / measured.n


def _largest_common_set(one: Run, other: Run) -> tuple[str, tuple[_Measurement, _Measurement]] | None:
    """The largest test set that both were measured on, and the shares right of the float networks."""
    both = [
        title
        for title, figures in one.accuracy.items()
        if _is_measured(figures)
        and _is_measured(other.accuracy.get(title))
        and figures["n"] == other.accuracy[title]["n"]
    ]
    if not both:
        return None
    title = max(both, key=lambda name: one.accuracy[name]["n"])
    first, second = (
        _Measurement(float(run.accuracy[title]["keras"]), int(run.accuracy[title]["n"])) for run in (one, other)
    )
    return title, (first, second)


def _is_measured(figures: Any) -> bool:
    """Whether an entry of metrics.json holds a share and a number of pictures."""
    if not isinstance(figures, dict):
        return False
    share, n = figures.get("keras"), figures.get("n")
    return isinstance(share, int | float) and 0 <= share <= 1 and isinstance(n, int | float) and n >= 1


def differences(one: Run, other: Run) -> dict[str, tuple[Any, Any]]:
    """The values, by dotted key, that differ between two runs' recipes and can make them train differently.

    The seed does too, but only by chance; it is left out.
    """
    first, second = with_defaults(one.recipe), with_defaults(other.recipe)
    keys = [key for key in dict.fromkeys([*first, *second]) if key not in (*_DESCRIPTIVE_KEYS, "seed")]
    return {key: (first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)}


def _intended_differences(base: SeriesRun, variant: SeriesRun) -> set[str]:
    """The keys in which a variant of an ablation is meant to differ from the first."""
    first, second = flatten(base.recipe), flatten(variant.recipe)
    return {key for key in first if key not in _DESCRIPTIVE_KEYS and first[key] != second[key]}


def with_defaults(recipe: dict[str, Any]) -> dict[str, Any]:
    """Every value of a run's recipe by its dotted key; a key that there was not yet when it ran has its default.

    A recipe that cannot be read stays empty.
    """
    defaults = {key: list(value) if isinstance(value, tuple) else value for key, value in flatten(Recipe()).items()}
    return defaults | _flatten_table(recipe) if recipe else {}


def _flatten_table(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value of a recipe as it stands in TOML, by its dotted key."""
    values: dict[str, Any] = {}
    for key, value in recipe.items():
        if isinstance(value, dict):
            values |= _flatten_table(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


def format_value(value: Any) -> str:
    """A recipe's value as a recipe writes it."""
    if value is None:
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)
