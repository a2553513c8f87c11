"""Drop pictures, see what the network makes of them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import downloads, parts, resources
from dashboard.answers import Item
from dashboard.opened import forget_picture, opened_picture
from dashboard.samples import Sample, list_samples, one_a_class
from dashboard.style import tile_style
from model.bundle import Card
from model.images import MAX_BYTES

SOURCES = {
    "Files": ":material/upload_file: Files",
    "Folder": ":material/folder: Folder",
    "Camera": ":material/photo_camera: Camera",
}


def forget_sample() -> None:
    st.query_params.pop("sample", None)
    forget_picture()


def choose_sample(name: str) -> None:
    forget_picture()
    st.query_params["sample"] = name


def take_pictures(source: str) -> list[tuple[str, bytes]]:
    """The widget of the chosen source and what it holds: names and bytes."""
    if source == "Camera":
        shot = st.camera_input(
            "Take a picture", key="camera", on_change=forget_sample, label_visibility="collapsed", width=480
        )
        return [("camera.jpg", shot.getvalue())] if shot else []
    files = st.file_uploader(
        "Drop pictures here: PNG, JPEG, WebP, AVIF, BMP, GIF or TIFF",
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
    st.caption("or try one of these:")
    with st.container(horizontal=True, gap="xsmall", key="samples"):
        for sample in samples:
            st.button(
                sample.truth, key=sample.key, help="Classify this sample", on_click=choose_sample, args=(sample.name,)
            )


def clear() -> None:
    """Start with an empty drop area: a widget with a new key."""
    st.session_state.cleared = st.session_state.get("cleared", 0) + 1


def show_many(items: list[Item], card: Card) -> None:
    """The least sure first: a grid to open, a table to sort, files to download."""
    failed = [item for item in items if item.answer.prediction is None]
    good = sorted((item for item in items if item.answer.prediction), key=lambda item: item.confidence)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        count = f"{len(good)} pictures, the least sure first" + (
            f" · {len(failed)} could not be read" if failed else ""
        )
        st.markdown(f"**{count}**", width="content")
        with st.container(horizontal=True, width="content"):
            st.button("Clear", icon=":material/close:", on_click=clear)
            st.download_button(
                "CSV",
                lambda: downloads.to_csv(items),
                "answers.csv",
                "text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
            st.download_button(
                "JSON",
                lambda: downloads.to_json(items, card.name),
                "answers.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
    for item in failed:
        parts.show_failure(item)
    if not good:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        opened = parts.show_tiles(good, "many")
    with right:
        parts.show_answer(good[opened], card, key="opened", narrow=True)
    show_overview(items)


def show_overview(items: list[Item]) -> None:
    rows = []
    for item in items:
        prediction = item.answer.prediction
        first, second = (*prediction.top(2), None)[:2] if prediction else (None, None)
        rows.append(
            {
                "file": item.name,
                "class": first.label if first else None,
                "sure": first.probability if first else None,
                "second guess": second.label if second else None,
                "ms": round(prediction.milliseconds, 1) if prediction else None,
                "problem": item.answer.error or None,
            }
        )
    sure = st.column_config.ProgressColumn("sure", format="percent", min_value=0, max_value=1)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"sure": sure},
        alt="Every file with its class and how sure the network is",
    )


with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    source = st.segmented_control(
        "Pictures from",
        list(SOURCES),
        default="Files",
        required=True,
        format_func=SOURCES.__getitem__,
        label_visibility="collapsed",
        key="source",
    )
    model, card = parts.use_model()

samples = list_samples()
files = take_pictures(source)
show_samples(one_a_class(samples))
chosen = next((sample for sample in samples if sample.name == st.query_params.get("sample")), None)
if chosen:
    files = [(chosen.name, chosen.path.read_bytes())]
from_set = opened_picture(card)
if from_set:
    files = [(from_set.name, from_set.content)]
if not files:
    parts.show_waiting(card)
    st.stop()
classifier = parts.warm(model)
items = parts.answer_all(files, classifier)
if len(items) == 1:
    truth = from_set.truth if from_set else chosen.truth if chosen else ""
    parts.show_answer(replace(items[0], truth=truth), classifier.card)
else:
    show_many(items, classifier.card)
