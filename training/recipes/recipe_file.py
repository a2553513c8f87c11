"""Recipes as TOML files: read with values set from outside, and written whole."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from model.common.text import did_you_mean, suggestion
from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe, RecipeError, flatten

RECIPES = Path(__file__).parent
ABLATIONS = Path(__file__).parent.parent / "ablations"


@dataclass(frozen=True)
class Variant:
    """A recipe that an ablation makes of another: what it sets there, and what its source says of it."""

    base: str
    settings: tuple[str, ...]
    description: str
    reported: str


def ablation_names() -> list[str]:
    """The shipped ablations' names, sorted."""
    return sorted(path.stem for path in ABLATIONS.glob("*.toml"))


def variants(ablation: str) -> dict[str, Variant]:
    """The variants of a shipped ablation, in its order, by their names as recipes: `vgg3-plain`."""
    content = tomllib.loads((ABLATIONS / f"{ablation}.toml").read_text("utf-8"))
    return {
        f"{ablation}-{item['name']}": Variant(
            content["recipe"], (*content["set"], *item["set"]), item["description"], item.get("reported", "")
        )
        for item in content["variant"]
    }


def all_variants() -> dict[str, Variant]:
    return {name: variant for ablation in ablation_names() for name, variant in variants(ablation).items()}


def recipe_names() -> list[str]:
    """The shipped recipes' names, sorted, then those of the shipped ablations' variants."""
    return [*sorted(path.stem for path in RECIPES.glob("*.toml")), *all_variants()]


def load_recipe(name: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """A shipped recipe by name, or a .toml file by path, with `key=value` overrides (`optimizer.learning_rate=0.003`).

    Raises RecipeError for an unknown name, key or value.
    """
    if variant := all_variants().get(name):
        table = read_table(RECIPES / f"{variant.base}.toml")
        table |= {"name": name, "description": variant.description, "reported": variant.reported}
        overrides = (*variant.settings, *overrides)
    else:
        table = read_table(path_of(name))
    for override in overrides:
        assign(table, override)
    recipe: Recipe = from_table(Recipe, table)
    return recipe


def path_of(name: str) -> Path:
    """The file of a shipped recipe or of a path. Raises RecipeError for what is neither."""
    names = recipe_names()
    path = RECIPES / f"{name}.toml" if name in names else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise RecipeError(
            _("unknown recipe {name!r}; recipes: {names}{hint}").format(
                name=name, names=", ".join(names), hint=did_you_mean(name, names)
            )
        )
    return path


def read_table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(_("{path} is not a TOML file: {error}").format(path=path, error=error)) from error
    return {"name": path.stem} | table


def assign(table: dict[str, Any], override: str) -> None:
    """Set one `dotted.key=value` in a nested table; the value is read as TOML, or as a bare word."""
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise RecipeError(_("{override!r} is not of the form key=value, such as epochs=5").format(override=override))
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, leaf = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise RecipeError(
                _("unknown key {key!r}: {parent!r} holds a value, not a table").format(key=key.strip(), parent=parent)
            )
    table[leaf] = value


def from_table(kind: type, table: dict[str, Any], prefix: str = "") -> Any:
    """Build a settings dataclass from a nested table, whose keys are checked here and its values by the dataclass."""
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            wrong = whole_key(prefix + key, value)
            raise RecipeError(
                _("unknown key {key!r}; keys: {names}{hint}").format(
                    key=wrong, names=", ".join(prefix + name for name in hints), hint=suggestion(nearest_keys(wrong))
                )
            )
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise RecipeError(
                    _("{key!r} is a table, not a value: set one of its keys, such as {key}.…").format(key=prefix + key)
                )
            values[key] = from_table(hints[key], value, f"{prefix}{key}.")
        else:
            values[key] = value
    return kind(**values)


def whole_key(key: str, value: Any) -> str:
    """The dotted key down to a value: `optim.momentum` rather than its unknown table `optim`."""
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        key = f"{key}.{name}"
    return key


def nearest_keys(key: str) -> list[str]:
    """The whole keys that a wrong one may stand for: with its last part, else what that is short for, else a near one.

    Where some are in the table that it names, or in one of nearly that name, they are all.
    """
    leaves = {known: known.rpartition(".")[2] for known in flatten(Recipe())}
    table, _dot, leaf = key.rpartition(".")
    same = [known for known, last in leaves.items() if last == leaf]
    short = [known for known, last in leaves.items() if leaf in short_forms(last)]
    near = get_close_matches(leaf, sorted(set(leaves.values())), 1)
    found = same or short or [known for known, last in leaves.items() if last in near]
    if not table:
        return found or get_close_matches(key, leaves, 1)
    return [known for known in found if get_close_matches(table, [known.rpartition(".")[0]])] or found


def short_forms(name: str) -> set[str]:
    """What people write for a name of several words: `lr`, `learning` and `rate` for `learning_rate`."""
    words = name.split("_")
    return {*words, "".join(word[0] for word in words)} if len(words) > 1 else set()


def to_toml(recipe: Recipe) -> str:
    """The whole recipe, every value resolved, as TOML that `load_recipe` reads back."""
    top, tables = [], []
    for item in dataclasses.fields(recipe):
        value = getattr(recipe, item.name)
        if dataclasses.is_dataclass(value):
            lines = [f"{key} = {quoted(entry)}" for key, entry in flatten(value).items()]
            tables.append("\n".join([f"[{item.name}]", *lines]))
        else:
            top.append(f"{item.name} = {quoted(value)}")
    return "\n\n".join(["\n".join(top), *tables]) + "\n"


def quoted(value: Any) -> str:
    """A value as JSON that is TOML too, which has no pairs of surrogates for 🦔 and no bare delete sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
