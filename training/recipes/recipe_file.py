"""Read recipes from TOML files, with overrides, and write them."""

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

_RECIPES = Path(__file__).parent
_ABLATIONS = Path(__file__).parent.parent / "ablations"


@dataclass(frozen=True)
class _Variant:
    """A recipe that an ablation makes of another one.

    Attributes:
        base: The name of the other recipe.
        settings: The overrides.
        description: What is different.
        reported: What its source reports about it.
    """

    base: str
    settings: tuple[str, ...]
    description: str
    reported: str


def ablation_names() -> list[str]:
    """Return the names of the shipped ablations, sorted."""
    return sorted(path.stem for path in _ABLATIONS.glob("*.toml"))


def ablation_variants(ablation: str) -> dict[str, _Variant]:
    """Return the variants of a shipped ablation, in its order, by their names as recipes, such as `vgg3-plain`."""
    content = tomllib.loads((_ABLATIONS / f"{ablation}.toml").read_text("utf-8"))
    return {
        f"{ablation}-{item['name']}": _Variant(
            content["recipe"], (*content["set"], *item["set"]), item["description"], item.get("reported", "")
        )
        for item in content["variant"]
    }


def _all_variants() -> dict[str, _Variant]:
    return {name: variant for ablation in ablation_names() for name, variant in ablation_variants(ablation).items()}


def recipe_names() -> list[str]:
    """Return the names of the shipped recipes, sorted, then those of the variants of shipped ablations."""
    return [*sorted(path.stem for path in _RECIPES.glob("*.toml")), *_all_variants()]


def load_recipe(name: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """Load a recipe.

    Args:
        name: The name of a shipped recipe, or the path of a .toml file.
        overrides: `key=value`, such as `optimizer.learning_rate=0.003`.

    Raises:
        RecipeError: The recipe, a key or a value is unknown or invalid.
    """
    if variant := _all_variants().get(name):
        table = _read_table(_RECIPES / f"{variant.base}.toml")
        table |= {"name": name, "description": variant.description, "reported": variant.reported}
        overrides = (*variant.settings, *overrides)
    else:
        table = _read_table(_recipe_path(name))
    for override in overrides:
        apply_override(table, override)
    recipe: Recipe = _from_table(Recipe, table)
    return recipe


def override_recipe(recipe: Recipe, overrides: tuple[str, ...]) -> Recipe:
    """Return a recipe with other values, `key=value` each; raise RecipeError as `load_recipe` does."""
    table = tomllib.loads(to_toml(recipe))
    for override in overrides:
        apply_override(table, override)
    changed: Recipe = _from_table(Recipe, table)
    return changed


def _recipe_path(name: str) -> Path:
    """Return the file of a shipped recipe, or a path.

    Raises:
        RecipeError: It is neither.
    """
    names = recipe_names()
    path = _RECIPES / f"{name}.toml" if name in names else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise RecipeError(
            _("unknown recipe {name!r}; recipes: {names}{hint}").format(
                name=name, names=", ".join(names), hint=did_you_mean(name, names)
            )
        )
    return path


def _read_table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(_("{path} is not a TOML file: {error}").format(path=path, error=error)) from error
    return {"name": path.stem} | table


def apply_override(table: dict[str, Any], override: str) -> None:
    """Set one `dotted.key=value` in a nested table; the value is read as TOML, or as a plain word.

    Args:
        table: The table, changed in place.
        override: The text.

    Raises:
        RecipeError: It has another form.
    """
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


def _from_table(kind: type, table: dict[str, Any], prefix: str = "") -> Any:
    """Build a settings dataclass from a nested table. Its keys are checked here, its values by the dataclass."""
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            wrong = _full_key(prefix + key, value)
            raise RecipeError(
                _("unknown key {key!r}; keys: {names}{hint}").format(
                    key=wrong, names=", ".join(prefix + name for name in hints), hint=suggestion(_similar_keys(wrong))
                )
            )
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise RecipeError(
                    _("{key!r} is a table, not a value: set one of its keys, such as {key}.…").format(key=prefix + key)
                )
            values[key] = _from_table(hints[key], value, f"{prefix}{key}.")
        else:
            values[key] = value
    return kind(**values)


def _full_key(key: str, value: Any) -> str:
    """Return the dotted key down to a value: `optim.momentum` rather than its unknown table `optim`."""
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        key = f"{key}.{name}"
    return key


def _similar_keys(key: str) -> list[str]:
    """Return the full keys that a wrong one may mean.

    They have the same last part, else one it is short for, else a similar one. If some of them are in the table it
    names, or in one with a similar name, only those are returned.
    """
    leaves = {known: known.rpartition(".")[2] for known in flatten(Recipe())}
    table, _dot, leaf = key.rpartition(".")
    same = [known for known, last in leaves.items() if last == leaf]
    short = [known for known, last in leaves.items() if leaf in _short_forms(last)]
    near = get_close_matches(leaf, sorted(set(leaves.values())), 1)
    found = same or short or [known for known, last in leaves.items() if last in near]
    if not table:
        return found or get_close_matches(key, leaves, 1)
    return [known for known in found if get_close_matches(table, [known.rpartition(".")[0]])] or found


def _short_forms(name: str) -> set[str]:
    """Return short forms of a name with several words: `lr`, `learning` and `rate` for `learning_rate`."""
    words = name.split("_")
    return {*words, "".join(word[0] for word in words)} if len(words) > 1 else set()


def to_toml(recipe: Recipe) -> str:
    """Return the whole recipe, all values resolved, as TOML that `load_recipe` can read."""
    top, tables = [], []
    for item in dataclasses.fields(recipe):
        value = getattr(recipe, item.name)
        if dataclasses.is_dataclass(value):
            lines = [f"{key} = {to_toml_value(entry)}" for key, entry in flatten(value).items()]
            tables.append("\n".join([f"[{item.name}]", *lines]))
        else:
            top.append(f"{item.name} = {to_toml_value(value)}")
    return "\n\n".join(["\n".join(top), *tables]) + "\n"


def to_toml_value(value: Any) -> str:
    """Return a value as JSON that is valid TOML too: without surrogate pairs for 🦔, and DEL escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
