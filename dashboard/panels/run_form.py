"""The form that starts a run: a recipe, a few values, a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import phrases
from model.common.errors import BundleError
from model.common.files import modified_at
from model.datasets.splits import DataError, utf8_name
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from training.recipes.recipe import Recipe, RecipeError, flatten
from training.recipes.recipe_file import load_recipe, recipe_names
from training.runs.background_runs import active_runs, start_run
from training.runs.data_provenance import read_context
from training.runs.run import own_runs_folder
from training.runs.run_files import RunError

_EXAMPLE = "augmentation.flip=random"
_FIELDS = {  # the values that most want to set, with the smallest and the step
    "epochs": (marked("Epochs"), 1, 1),
    "batch_size": (marked("Pictures a step"), 1, 1),
    "optimizer.learning_rate": (marked("Learning rate"), 0.0, None),
}


def open_form() -> None:
    """Open the form."""
    st.session_state.form_open = True


def _close() -> None:
    st.session_state.form_open = False


def show_form() -> None:
    """Draw the form while it is open; redrawing the page leaves what is typed in it alone."""
    if st.session_state.get("form_open") and roles.is_owner():
        st.dialog(_("Start a run"), width="medium", on_dismiss=_close)(_form)()


def _form() -> None:
    names = recipe_names()
    chosen = st.selectbox(_("Recipe"), names, index=names.index("fast"), key="start-recipe")
    recipe = load_recipe(chosen)
    st.caption(phrases.escape_markdown(recipe.description))
    data = st.text_input(
        _("Data folder on this machine"),
        _last_data(),
        placeholder=_("empty: CIFAR-10 is downloaded"),
        help=_("A folder with cifar-10-batches-py in it, or one with a sub-folder of pictures a class"),
        key="start-data",
    )
    settings = _fields(recipe)
    with st.expander(_("More")):
        name = st.text_input(
            _("Name of the run and of its network"), placeholder=_("the recipe and the time"), key="start-name"
        )
        more = st.text_area(
            _("Other values, one a line"),
            placeholder=_EXAMPLE,
            height=100,
            help=_("As after --set on the command line"),
            key="start-values",
        )
    if busy := active_runs():
        text = ngettext(
            "{runs} is training already. Two runs at once share this machine, and each takes longer.",
            "{runs} are training already. Runs at once share this machine, and each takes longer.",
            len(busy),
        )
        st.warning(text.format(runs=phrases.escape_markdown(", ".join(busy))), icon=":material/hourglass_top:")
    if st.button(_("Start"), type="primary", icon=":material/play_arrow:", key="start-do"):
        settings += [line.strip() for line in more.splitlines() if line.strip()]
        _begin(chosen, settings, data, name)


def _fields(recipe: Recipe) -> list[str]:
    """Draw inputs for the values that people change most, and return the changed ones as `key=value`."""
    values, changed = flatten(recipe), []
    for column, (key, (title, least, step)) in zip(st.columns(len(_FIELDS)), _FIELDS.items(), strict=True):
        own: Any = values[key]
        given = column.number_input(
            _(title),
            min_value=least,
            value=own,
            step=step or own / 10,
            format="%g" if isinstance(own, float) else "%d",
            key=f"start-{key}-{recipe.name}",
        )
        if given != own:
            changed.append(f"{key}={given}")
    return changed


def _last_data() -> str:
    """Return the data folder of the newest run that names one which a text field can show."""
    folders = sorted(own_runs_folder().glob("*/"), key=modified_at, reverse=True)
    paths = (found.data for folder in folders if (found := read_context(folder)) and found.data)
    return next((path for path in paths if path == utf8_name(path)), "")


def _begin(recipe: str, settings: Sequence[str], data: str, name: str) -> None:
    """Start the run and close the form, or say in it why not."""
    try:
        roles.check_owner()
        st.session_state.started = start_run(recipe, settings, data, name)
    except (RecipeError, DataError, BundleError, RunError, OSError) as error:
        st.error(phrases.escape_markdown(str(error)))
        return
    _close()
    st.rerun()
