"""Drop pictures, see what the network makes of them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard import parts, resources
from dashboard.many import show_many
from dashboard.paste import paste_button
from dashboard.samples import Sample, list_samples, one_a_class
from dashboard.style import tile_style
from dashboard.why import show_why
from model.images import MAX_BYTES
from model.language import gettext as _
from model.language import marked

SOURCES = {"Files": marked("Files"), "Folder": marked("Folder"), "Camera": marked("Camera")}
ICONS = {"Files": ":material/upload_file:", "Folder": ":material/folder:", "Camera": ":material/photo_camera:"}


def forget_sample() -> None:
    st.query_params.pop("sample", None)


def choose_sample(name: str) -> None:
    st.query_params["sample"] = name


def take_pictures(source: str) -> list[tuple[str, bytes]]:
    """The widget of the chosen source and what it holds: names and bytes."""
    if source == "Camera":
        shot = st.camera_input(
            _("Take a picture"), key="camera", on_change=forget_sample, label_visibility="collapsed", width=480
        )
        return [("camera.jpg", shot.getvalue())] if shot else []
    files = st.file_uploader(
        _("Drop or paste pictures here: PNG, JPEG, WebP, AVIF, BMP, GIF or TIFF"),
        accept_multiple_files="directory" if source == "Folder" else True,
        key=f"upload-{source}-{st.session_state.get('cleared', 0)}",
        max_upload_size=MAX_BYTES // 2**20,  # a larger one is refused in the browser, with a sentence beside its name
        on_change=forget_sample,
    )
    # Browsers write a quotation mark in a file's name as %22.
    return [(file.name.replace("%22", '"'), file.getvalue()) for file in files]


def show_samples(samples: list[Sample]) -> None:
    """The strip of samples, one a class, to try it without a picture of one's own."""
    pictures = resources.sample_thumbnails()
    st.html(tile_style({sample.key: pictures[sample.key] for sample in samples}, "76px"))
    st.caption(_("or try one of these:"))
    with st.container(horizontal=True, gap="xsmall", key="samples"):
        for sample in samples:
            label, hint = _(sample.truth), _("Classify this sample")
            st.button(label, key=sample.key, help=hint, on_click=choose_sample, args=(sample.name,))


def clear() -> None:
    """Start with an empty drop area: a widget with a new key."""
    st.session_state.cleared = st.session_state.get("cleared", 0) + 1


with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        source = st.segmented_control(
            _("Pictures from"),
            list(SOURCES),
            default="Files",
            required=True,
            format_func=lambda name: f"{ICONS[name]} {_(SOURCES[name])}",
            label_visibility="collapsed",
            key="source",
        )
        if source != "Camera":
            paste_button()
    model, card = parts.use_model()

samples = list_samples()
files = take_pictures(source)
show_samples(one_a_class(samples))
chosen = next((sample for sample in samples if sample.name == st.query_params.get("sample")), None)
if chosen:
    files = [(chosen.name, chosen.path.read_bytes())]
if not files:
    parts.show_waiting(card)
    st.stop()
classifier = parts.warm(model)
items = parts.answer_all(files, classifier)
if len(items) == 1:
    item = replace(items[0], truth=chosen.truth if chosen else "")
    parts.show_answer(item, classifier.card)
    show_why(item, classifier)
else:
    show_many(items, classifier, clear)
