"""Every network there is: look at one, add one, name it, make it the default, take it away."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import streamlit as st

from dashboard import cards, resources, words
from model import store
from model.bundle import BundleError, Card
from model.catalog import STORED, Entry, list_entries
from model.convert import KINDS, can_convert
from model.database import StoreError
from model.intake import MAX_BYTES, Wishes, add_file
from model.scaling import SCALINGS

FIND_OUT = "find out"


def open_one(name: str) -> None:
    st.query_params["name"] = name


def attempt(change: str, *arguments: object) -> None:
    """Change the store; what goes wrong is a sentence on the page drawn next."""
    try:
        getattr(store, change)(*arguments)
    except BundleError as error:
        st.session_state.model_problem = str(error)


def remove(entry: Entry) -> None:
    try:
        st.session_state.removed = store.remove(entry.name)
    except BundleError as error:
        st.session_state.model_problem = str(error)
    st.query_params.pop("name", None)


def rename(old: str) -> None:
    new = st.session_state[f"rename-{old}"].strip()
    attempt("rename", old, new)
    if "model_problem" not in st.session_state:
        open_one(new)


def undo() -> None:
    attempt("restore", st.session_state.pop("removed"))


def show_messages() -> None:
    """What the last click did, where that needs words."""
    if problem := st.session_state.pop("model_problem", None):
        st.error(words.plain(problem))
    if models := st.session_state.get("removed"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/delete: {cards.removed(models)}", width="content")
            st.button("Undo", icon=":material/undo:", on_click=undo, key="undo")


@st.dialog("Add a network")
def add_network() -> None:
    """Upload a file, say what is known of it, and have it looked over."""
    st.caption("Keras (.keras, or .h5 of Keras 2 too) or LiteRT (.tflite). No code in the file is run.")
    upload = st.file_uploader("The network's file", max_upload_size=MAX_BYTES // 2**20, key="network-file")
    name = st.text_input("Name", placeholder="as its file is called", key="network-name")
    classes = st.text_input("Classes, in their order", placeholder="cat, dog, frog", key="network-classes")
    with st.expander("Details"):
        scaling = st.selectbox(
            "It wants pixels as",
            [FIND_OUT, *SCALINGS],
            format_func=lambda key: SCALINGS[key].about if key in SCALINGS else "find out, or guess 0 to 1",
            key="network-scaling",
        )
        size = st.number_input("Pixels a side, for a network that takes any", 0, 1024, 0, key="network-size")
    if st.button("Add", type="primary", disabled=upload is None, key="network-add") and upload:
        wishes = Wishes(name.strip(), classes.strip(), "" if scaling == FIND_OUT else scaling, int(size))
        take(upload.name, upload.getvalue(), wishes)


def take(file: str, content: bytes, wishes: Wishes) -> None:
    """Store an uploaded file and open it, or say in the dialog why not."""
    with TemporaryDirectory() as folder, st.spinner("Looking the file over, a few seconds"):
        path = Path(folder) / words.file_name(file)
        path.write_bytes(content)
        try:
            if wishes.classes.endswith(".json"):
                raise StoreError("Classes are written here one after the other: cat, dog, frog")
            added = add_file(path, wishes)
        except BundleError as error:
            st.error(words.plain(str(error)))
            return
    open_one(added.model.title)
    st.rerun()


def show_card(entry: Entry, opened: bool) -> None:
    """One network in a frame: how good, how large, how fast, what it knows."""
    with st.container(
        border=True, key=f"network-card-{'open' if opened else 'shut'}-{entry.name.replace('.', '_').replace('@', '_')}"
    ):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(entry.name)}**", width="content")
            if entry.default:
                st.badge("default", icon=":material/star:")
        if entry.card is None:
            st.caption(f":material/error: {words.plain(entry.problem)}")
            return
        figure, measured_on = cards.accuracy(entry.card)
        st.metric("accuracy", figure, help=measured_on or None, label_visibility="collapsed")
        speed = cards.speed(resources.known_speed(entry.name))
        st.caption(
            f"{measured_on or '&nbsp;'}  \n{cards.megabytes(entry.card.bytes)} · {speed}  \n"
            f"{cards.class_list(entry.card)}  \n{cards.origin(entry)} · `{entry.card.sha256[:12]}`"
        )
        st.button(
            "Shown below" if opened else "Open",
            key=f"open-{entry.name}",
            on_click=open_one,
            args=(entry.name,),
            disabled=opened,
            width="stretch",
        )


def show_downloads(entry: Entry, card: Card) -> None:
    """A button for each kind of file that the network can be had as."""
    for kind in KINDS:
        if can_convert(card, kind):
            suffix = kind.rpartition(" ")[2]
            st.download_button(
                kind,
                lambda kind=kind: resources.converted(entry.name, kind),
                f"{entry.name}{'-int8' if kind != suffix else ''}{suffix}",
                "application/octet-stream",
                icon=":material/download:",
                key=f"download-{kind}-{entry.name}",
                on_click="ignore",
            )


def show_changes(entry: Entry) -> None:
    """What can be done with a network: the default, and for one of the store a name and its end."""
    st.button(
        "Make it the default",
        icon=":material/star:",
        key=f"default-{entry.name}",
        on_click=attempt,
        args=("set_default", entry.name),
        disabled=entry.default,
    )
    if entry.origin != STORED:
        return
    if "@" not in entry.name:
        with st.popover("Rename", icon=":material/edit:"):
            st.text_input("New name", entry.name, key=f"rename-{entry.name}")
            st.button("Rename", key=f"rename-do-{entry.name}", on_click=rename, args=(entry.name,), type="primary")
    st.button("Delete", icon=":material/delete:", key=f"remove-{entry.name}", on_click=remove, args=(entry,))


def show_details(entry: Entry, card: Card, changes: bool) -> None:
    """One network in full: what to do with it, its facts, its layers."""
    st.subheader(words.plain(entry.name), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        if changes:
            show_changes(entry)
        show_downloads(entry, card)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Card**")
        rows = [(fact.title, fact.value) for fact in cards.facts(card)]
        st.dataframe(pd.DataFrame(rows, columns=["what", "value"]), hide_index=True, alt="What is known of the network")
        st.markdown("**Classes**")
        names = pd.DataFrame({"number": range(len(card.classes)), "class": card.classes})
        st.dataframe(names, hide_index=True, height=220, alt="Every class with its number")
    with right:
        st.markdown("**Layers**")
        try:
            with st.spinner("Reading the network, a few seconds the first time"):
                layers = resources.layers(entry.name)
                resources.measure_speed(entry.name)
        except BundleError as error:
            st.error(f"The network cannot be used: {words.plain(str(error))}")
            return
        table = pd.DataFrame([vars(layer) for layer in layers], columns=["name", "kind", "output", "parameters"])
        st.dataframe(table, hide_index=True, height=520, alt="Every layer with its output and its parameters")


try:
    entries = list_entries()
except BundleError as error:
    st.error(f"The networks cannot be listed: {words.plain(str(error))}")
    st.stop()
changes = resources.may_change()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    several = f"{len(entries)} networks" if len(entries) > 1 else "1 network, and room for yours"
    st.markdown(f"**{several}**", width="content")
    if changes and st.button("Add a network", icon=":material/add:", type="primary", key="add"):
        add_network()
if not changes:
    st.caption("This page is shared, so networks can be looked at here and not changed.")
show_messages()
chosen = next((entry for entry in entries if entry.name == st.query_params.get("name")), None)
with st.grid(3, min_column_width=250, gap="small"):
    for entry in entries:
        show_card(entry, entry is chosen)
if chosen is None or chosen.card is None:
    st.caption("Open a network to see its layers, to download it or to choose it as the default.")
    st.stop()
show_details(chosen, chosen.card, changes)
