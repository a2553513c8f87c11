"""The choice of the network on a page, and what stands there when it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import streamlit as st

from dashboard.access import roles
from dashboard.panels import answer_feedback
from dashboard.presenters import phrases
from dashboard.services import resources
from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.registry.card import Card
from model.registry.resolution import bundle_folders, default_name


def use_model() -> tuple[str, Card]:
    """The chosen network's name and card; a network that cannot be used is a sentence, and the page ends there."""
    try:
        model = choose_model()
        return model, resources.card(model)
    except BundleError as error:
        refuse(error)


def warm(model: str, engine: str | None = None) -> Classifier:
    """The network, after one quiet line while it loads; one that does not load is a sentence, and the page ends there.

    Whoever shows an answer beside a card takes the network's own: the name may stand for another one by now.
    """
    try:
        if resources.is_warm(model, engine):
            return resources.classifier(model, engine)
        with st.spinner(_("Warming up the network, a few seconds the first time")):
            return resources.classifier(model, engine)
    except BundleError as error:
        refuse(error)


def refuse(error: BundleError) -> NoReturn:
    st.error(phrases.plain(roles.hide_paths(_("The network cannot be used: {reason}").format(reason=error))))
    st.stop()


def choose_model() -> str:
    """The name of the network to ask, from the page's settings; a choice is offered only where there is one."""
    names = list(bundle_folders())
    model = default_name(names)
    names.sort(key=model.__ne__)  # the default comes first: the address names only another choice
    with st.popover(_("Settings"), icon=":material/tune:"):
        if len(names) > 1:
            follow(names)
            model = st.selectbox(_("Network"), names, key="model", bind="query-params")
            st.session_state.chosen_model = model
        answer_feedback.switch()
    return model


def show_unknown(model: str) -> None:
    """Say that the address names a network that is not here, and which one answers.

    Streamlit takes such a name out of the address by itself, so the sentence goes with the next click.
    """
    if not model:
        return
    try:
        names = list(bundle_folders())
        if model not in names:
            text = _("There is no network {name} here: the default answers, {model}.")
            st.warning(phrases.plain(text.format(name=repr(model[:60]), model=default_name(names))))
    except BundleError:
        return  # the page that needs a network says so


def follow(names: Sequence[str]) -> None:
    """Correct the choice before it is drawn. names: the default first.

    A choice lasts from page to page. Without one, a default that somebody changes takes effect here at once; so does
    the end of the network that was chosen.
    """
    state = st.session_state
    followed, state.followed = state.get("followed", names[0]), names[0]
    chosen = state.get("model", None if "model" in st.query_params else state.get("chosen_model"))
    if chosen is not None:
        state.model = names[0] if chosen == followed or chosen not in names else chosen
