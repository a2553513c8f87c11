"""All networks: look at one, add one, rename it, make it the default, remove it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.access import roles
from dashboard.panels import model_actions
from dashboard.presenters import model_text, phrases
from dashboard.services import resources
from model.common.errors import BundleError
from model.datasets.display_names import class_name
from model.i18n.translations import gettext as _
from model.registry.card import Card
from model.registry.catalog import Entry, list_entries


def show_card(entry: Entry, opened: bool) -> None:
    """Draw a network in a frame: accuracy, size, speed, classes."""
    with st.container(border=True, key=model_text.frame_key(entry.name, opened)):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{phrases.escape_markdown(entry.name)}**", width="content")
            if entry.default:
                st.badge(_("default"), icon=":material/star:", color="primary")
            if entry.card is not None and entry.card.is_guess:
                st.badge(_("pixels guessed"), icon=":material/help:", color="orange")
        if entry.card is None:
            st.caption(f":material/error: {phrases.escape_markdown(roles.hide_paths(entry.problem))}")
        else:
            show_figures(entry, entry.card)
        st.button(
            _("Shown below") if opened else _("Open"),
            key=f"open-{entry.name}",
            on_click=model_actions.open_one,
            args=(entry.name,),
            disabled=opened,
            width="stretch",
        )


def show_figures(entry: Entry, card: Card) -> None:
    """Draw its figures."""
    figure, measured_on = model_text.accuracy_text(card)
    st.metric(_("accuracy"), figure, label_visibility="collapsed")
    speed = model_text.speed_text(resources.known_speed(card))
    st.caption(
        f"{phrases.escape_markdown(measured_on)}  \n{model_text.megabytes(card.bytes)} · {speed}  \n"
        f"{model_text.class_list(card)}  \n{model_text.origin_text(entry)} · "
        f"{phrases.escape_markdown(card.sha256[:12])}"
    )


def show_details(entry: Entry, card: Card) -> None:
    """Draw a network in full: facts, classes, layers."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        rows = [(fact.title, fact.value) for fact in model_text.facts(card)]
        st.dataframe(
            pd.DataFrame(rows, columns=[_("card"), ""]),
            hide_index=True,
            height="content",
            alt=_("What is known of the network"),
        )
        names = pd.DataFrame(
            {
                _("number"): range(len(card.classes)),
                _("class"): [class_name(name, card.classes) for name in card.classes],
            }
        )
        st.dataframe(names, hide_index=True, height=220, alt=_("Every class with its number"))
    with right:
        layers = resources.layer_table(entry.name)
        table = pd.DataFrame([vars(layer) for layer in layers], columns=["name", "kind", "output", "parameters"])
        column = st.column_config.NumberColumn(_("parameters"), format="localized")
        st.dataframe(
            table.set_axis([_("layer"), _("kind"), _("output"), _("parameters")], axis="columns"),
            hide_index=True,
            height=520,
            column_config={_("parameters"): column},
            alt=_("Every layer with its output and its parameters"),
        )


try:
    entries = list_entries()
except BundleError as error:
    st.error(
        _("The networks cannot be listed: {reason}").format(
            reason=phrases.escape_markdown(roles.hide_paths(str(error)))
        )
    )
    st.stop()
owner = roles.is_owner()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    several = (
        _("{count} networks").format(count=len(entries)) if len(entries) > 1 else _("1 network, and room for yours")
    )
    st.markdown(f"**{several}**", width="content")
    if owner and st.button(_("Add a network"), icon=":material/add:", type="primary", key="add"):
        model_actions.add_network()
model_actions.show_messages()
chosen = next((entry for entry in entries if entry.name == st.query_params.get("name")), None)
grid = st.container()
if chosen is not None:
    st.subheader(phrases.escape_markdown(chosen.name), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        if owner:
            model_actions.show_changes(chosen)
        if chosen.card is not None:
            model_actions.show_downloads(chosen, chosen.card)
    if chosen.card is not None and chosen.card.is_guess:
        model_actions.show_guess(chosen, chosen.card, may_change=owner)
    if chosen.card is not None:
        try:
            with st.spinner(_("Reading the network, a few seconds the first time")):
                resources.layer_table(chosen.name)
                resources.measure_speed(resources.classifier(chosen.name))
            show_details(chosen, chosen.card)
        except BundleError as error:
            st.error(
                _("The network cannot be used: {reason}").format(
                    reason=phrases.escape_markdown(roles.hide_paths(str(error)))
                )
            )
elif owner:
    st.caption(_("Open a network to see its layers, to download it or to choose it as the default."))
else:
    st.caption(_("Open a network to see its layers or to download it."))
# Last, for by now the speed of the opened one is known.
with grid, st.grid(3, min_column_width=250, gap="small"):
    for entry in entries:
        show_card(entry, entry is chosen)
