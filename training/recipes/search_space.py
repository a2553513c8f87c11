"""What a sweep goes over: values or ranges of a recipe's keys, checked against the recipe's own bounds."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe, RecipeError, flatten
from training.recipes.recipe_file import override_recipe, to_toml_value

MOST_RUNS = 1000  # of a grid; more of them are a typing error, or wait for months
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}|log))?")
_TENTH = 1e-9  # a range ends with its last value, whatever floats make of the steps to it


@dataclass(frozen=True)
class Choices:
    """Some values of a key, each as a recipe writes it."""

    key: str
    texts: tuple[str, ...]

    def grid(self) -> tuple[str, ...]:
        """Return all of them."""
        return self.texts

    def ends(self) -> tuple[str, ...]:
        """Return what has to be within the recipe's bounds: all of them."""
        return self.texts


@dataclass(frozen=True)
class Range:
    """The numbers of a key from `low` to `high`, both among them.

    Attributes:
        key: The dotted key.
        low: The least.
        high: The largest.
        step: Between two neighbours; None where every number in between counts.
        log: Whether each is a multiple of its neighbour, by ten in a grid.
        whole: Whether only whole numbers count.
    """

    key: str
    low: float
    high: float
    step: float | None
    log: bool
    whole: bool

    def ends(self) -> tuple[str, ...]:
        """Return what has to be within the recipe's bounds: the first and the last."""
        return self._text(self.low), self._text(self.high)

    def grid(self) -> tuple[str, ...]:
        """Return the values of a grid.

        Raises:
            RecipeError: There is no step from one to the next, or there are too many.
        """
        if self.log:
            count = math.floor(math.log10(self.high / self.low) + _TENTH) + 1
            return tuple(self._text(float(f"{self.low * 10**power:.12g}")) for power in range(count))
        if self.step is None:
            raise RecipeError(
                _(
                    "{key}={low:g}:{high:g} has no step; write {key}={low:g}:{high:g}:{step:g}, or search it with "
                    "--trials"
                ).format(key=self.key, low=self.low, high=self.high, step=(self.high - self.low) / 4)
            )
        steps = math.floor((self.high - self.low) / self.step + _TENTH)
        if steps >= MOST_RUNS:
            raise _too_many(steps + 1)
        return tuple(self._text(float(f"{self.low + place * self.step:.12g}")) for place in range(steps + 1))

    def _text(self, value: float) -> str:
        return to_toml_value(round(value) if self.whole else value)


Axis = Choices | Range


def parse_axis(text: str, recipe: Recipe) -> Axis:
    """Read `key=0.01,0.03`, `key=1:4`, `key=0.1:0.5:0.2` or `key=0.001:0.1:log`.

    Args:
        text: The text.
        recipe: The recipe whose value it is, which decides whether a range is of whole numbers.

    Raises:
        RecipeError: It has another form.
    """
    key, separator, values = (part.strip() for part in text.partition("="))
    if not separator or not key or not values:
        raise RecipeError(
            _("{text!r} is not of the form key=values, such as epochs=5,10 or augmentation.shift=1:4").format(text=text)
        )
    match = _RANGE.fullmatch(values)
    if match is None:
        return Choices(key, tuple(dict.fromkeys(_split(values))))
    known = flatten(recipe).get(key)
    if isinstance(known, bool | str | tuple):
        raise RecipeError(_("{key} has no ranges, as it is no number; write its values: {key}=…,…").format(key=key))
    return _checked_range(text, key, match, isinstance(known, int))


def _checked_range(text: str, key: str, match: re.Match[str], whole: bool) -> Range:
    low, high = float(match[1]), float(match[2])
    log = match[3] == "log"
    step = None if log or match[3] is None else float(match[3])
    if whole and any(number not in (None, round(number)) for number in (low, high, step) if number is not None):
        raise RecipeError(_("{text} is a range of whole numbers: its ends and its step are too").format(text=text))
    if low >= high or (step is not None and step <= 0) or (log and low <= 0):
        raise RecipeError(
            _("{text} is no range: it goes up, by a step above 0, and from above 0 with log").format(text=text)
        )
    return Range(key, low, high, 1.0 if whole and not log and step is None else step, log, whole)


def _split(values: str) -> list[str]:
    """Return the values between commas, each as a recipe writes it; words need no quotation marks, lists brackets."""
    try:
        return [to_toml_value(value) for value in tomllib.loads(f"values = [{values}]")["values"]]
    except (tomllib.TOMLDecodeError, TypeError):  # words, or what TOML takes for a date
        return [part.strip() for part in values.split(",")]


def _too_many(count: int) -> RecipeError:
    return RecipeError(
        _("that would be {count:,} runs, and a grid has at most {most:,}; try some of them with --trials").format(
            count=count, most=MOST_RUNS
        )
    )


def grid(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Return every combination of the axes' values, as texts by their keys.

    Raises:
        RecipeError: A range has no step, or there are more than `MOST_RUNS`.
    """
    values = [axis.grid() for axis in axes]
    if (count := math.prod(map(len, values))) > MOST_RUNS:
        raise _too_many(count)
    return [dict(zip([axis.key for axis in axes], chosen, strict=True)) for chosen in product(*values)]


def with_values(recipe: Recipe, values: Mapping[str, str]) -> Recipe:
    """Return a recipe with the values of one run; raise RecipeError where one is out of its bounds."""
    return override_recipe(recipe, tuple(f"{key}={text}" for key, text in values.items()))


def check_axes(axes: Sequence[Axis], recipe: Recipe) -> None:
    """Check what the axes may be set to against the bounds of the recipe's values.

    Raises:
        RecipeError: A value is out of bounds, a key is unknown, two axes have the same, or there are none.
    """
    keys = [axis.key for axis in axes]
    if not keys:
        raise RecipeError(_("a sweep needs values to try, such as optimizer.learning_rate=0.01,0.03"))
    for key in keys:
        if keys.count(key) > 1:
            raise RecipeError(_("{key} is given twice; write all of its values behind one {key}=").format(key=key))
    for axis in axes:
        for text in axis.ends():
            _check_value(recipe, axis, text, axes)


def _check_value(recipe: Recipe, axis: Axis, text: str, axes: Sequence[Axis]) -> None:
    """Raise RecipeError where a value goes neither with the first values of the other axes nor with their last."""
    first, last = ({other.key: other.ends()[place] for other in axes} | {axis.key: text} for place in (0, -1))
    try:
        with_values(recipe, first)
    except RecipeError as error:
        try:
            with_values(recipe, last)
        except RecipeError:
            raise error from None
