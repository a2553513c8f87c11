"""The choice of the network on a page, and what is there if it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import streamlit as st

from dashboard.access import roles
from dashboard.panels import answer_details, answer_feedback
from dashboard.presenters import phrases
from dashboard.services import resources
from dashboard.services.stand_in import replaced_network, stand_in_for
from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.registry.card import Card
from model.registry.resolution import bundle_folders, default_name


def choose_network() -> tuple[str, Card]:
    """Return the chosen network's name and card; if it cannot be used, say why and stop the page."""
    try:
        model = _choose_model()
        return model, resources.card(model)
    except BundleError as error:
        stop_with_error(error)


def load_or_stop(model: str, engine: str | None = None) -> Classifier:
    """Return the network, with a quiet line while it loads; if it cannot be loaded, say why and stop the page.

    Next to an answer, use the network's own card: its name may stand for another network by now.
    """
    try:
        if resources.is_warm(model, engine):
            return resources.classifier(model, engine)
        if engine is None and (ready := stand_in_for(model)):
            return ready
        return _load(model, engine)
    except BundleError as error:
        stop_with_error(error)


def replace_stand_in(classifier: Classifier) -> None:
    """If the network's int8 file stands in, wait for the Keras file and draw the page again with its answer.

    Explanations need what only the Keras file has, such as features, and must be about the answer that is shown.
    """
    if name := replaced_network(classifier):
        try:
            _load(name, None)
        except BundleError as error:
            stop_with_error(error)
        st.rerun()


def _load(model: str, engine: str | None) -> Classifier:
    """Load a network with a quiet line. Raises BundleError."""
    with st.spinner(_("Warming up the network, a few seconds the first time")):
        return resources.classifier(model, engine)


def stop_with_error(error: BundleError) -> NoReturn:
    """Say what is wrong and stop the page."""
    st.error(phrases.escape_markdown(roles.hide_paths(_("The network cannot be used: {reason}").format(reason=error))))
    st.stop()


def _choose_model() -> str:
    """Return the name of the chosen network; there is a widget only if there is a choice."""
    names = list(bundle_folders())
    model = default_name(names)
    names.sort(key=model.__ne__)  # the default comes first: the address names only another choice
    with st.popover(_("Settings"), icon=":material/tune:"):
        if len(names) > 1:
            correct_choice(names)
            model = st.selectbox(_("Network"), names, key="model", bind="query-params")
            st.session_state.chosen_model = model
        answer_feedback.history_switch()
        answer_details.switch_sets()
    return model


def show_unknown(model: str) -> None:
    """Say that the network in the address is not here, and which one answers instead.

    Streamlit removes such a name from the address by itself, so the sentence disappears with the next click.
    """
    if not model:
        return
    try:
        names = list(bundle_folders())
        if model not in names:
            text = _("There is no network {name} here: the default answers, {model}.")
            st.warning(phrases.escape_markdown(text.format(name=repr(model[:60]), model=default_name(names))))
    except BundleError:
        return  # the page that needs a network says so


def correct_choice(names: Sequence[str]) -> None:
    """Correct the choice before it is drawn.

    A choice lasts from page to page. Without one, a change of the default takes effect at once, and so does the removal
    of the chosen network.

    Args:
        names: The names of the networks, the default first.
    """
    state = st.session_state
    followed, state.followed = state.get("followed", names[0]), names[0]
    chosen = state.get("model", None if "model" in st.query_params else state.get("chosen_model"))
    if chosen is not None:
        state.model = names[0] if chosen == followed or chosen not in names else chosen
