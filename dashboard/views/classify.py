"""Classify pictures: drop them, and see what the network predicts."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard.components.clipboard import paste_button
from dashboard.panels import answer_details, network_choice, picture_sources
from dashboard.panels.explanation import show_why
from dashboard.panels.results_grid import show_many
from dashboard.panels.selected_picture import opened_engine, opened_picture
from model.datasets.class_matching import canonical_name
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

SOURCES = {"Files": marked("Files"), "Folder": marked("Folder"), "Camera": marked("Camera")}
ICONS = {"Files": ":material/upload_file:", "Folder": ":material/folder:", "Camera": ":material/photo_camera:"}

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    source = st.segmented_control(
        _("Pictures from"),
        list(SOURCES),
        default="Files",
        required=True,
        format_func=lambda name: f"{ICONS[name]} {_(SOURCES[name])}",
        label_visibility="collapsed",
        key="source",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        if source != "Camera":
            paste_button()
        model, card = network_choice.choose_network()

files = picture_sources.camera_picture() if source == "Camera" else picture_sources.drop_area(folder=source == "Folder")
picture_sources.show_samples()
opened = opened_picture()
named = opened or picture_sources.chosen_sample()
if named:
    files = [(named.name, named.content)]
if not files:
    answer_details.show_waiting(card)
    st.stop()
classifier = network_choice.load_or_stop(model, opened_engine(card) if opened else None)
items = answer_details.answer_all(files, classifier)
if len(items) == 1:
    item = replace(items[0], truth=canonical_name(named.truth, classifier.card.classes) if named else "")
    answer_details.show_answer(item, classifier)
    show_why(item, classifier)
else:
    show_many(items, classifier, picture_sources.clear_drop_area)
