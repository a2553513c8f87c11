"""What the Models page does with networks: take one in, change one, hand one out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import model_text, phrases
from dashboard.services import resources
from model.common.errors import BundleError
from model.datasets.class_name_files import MAX_BYTES as MAX_NAMES
from model.datasets.class_name_files import Names, NamesError, parse_names
from model.datasets.class_names import parse_typed_names
from model.export.conversion import KINDS, can_convert, own_file
from model.i18n.translations import gettext as _
from model.intake.add_model import MAX_BYTES, ModelOptions, add_file
from model.registry import resolution, store
from model.registry.card import Card
from model.registry.catalog import STORED, Entry
from model.signature.scaling import SCALINGS
from model.signature.shapes import SizeError, sides_of

FIND_OUT = "find out"


def open_one(name: str) -> None:
    st.query_params["name"] = name


def attempt(change: Callable[[], object]) -> bool:
    """Change the store, and whether that went well; what went wrong is a sentence on the page drawn next."""
    try:
        roles.check_owner()
        change()
    except BundleError as error:
        st.session_state.model_problem = str(error)
        return False
    return True


def set_default(name: str) -> None:
    attempt(lambda: resolution.set_default(name))


def rename(old: str) -> None:
    new = st.session_state[f"rename-{old}"].strip()
    if attempt(lambda: store.rename(old, new)):
        open_one(new)


def remove(name: str) -> None:
    def work() -> None:
        # A row of several versions goes one by one: the card says which.
        st.session_state.removed = store.remove(name)

    if attempt(work):
        st.query_params.pop("name", None)


def confirm(name: str, scaling: str) -> None:
    if attempt(lambda: store.confirm(name, scaling)):
        about = _(SCALINGS[scaling].about)
        st.session_state.model_news = _("From now on {name} gets pixels as {scaling}.").format(name=name, scaling=about)


def undo() -> None:
    models = st.session_state.removed
    if attempt(lambda: store.restore(models)):
        open_one(models[0].title)
    if roles.is_owner():
        st.session_state.pop("removed")


def show_messages() -> None:
    """What the last click did, where that needs words, and the way back for whoever may go it."""
    if problem := st.session_state.pop("model_problem", None):
        st.error(phrases.plain(problem))
    if news := st.session_state.pop("model_news", None):
        st.success(phrases.plain(news), icon=":material/check:")
    if (models := st.session_state.get("removed")) and roles.is_owner():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/delete: {model_text.removed(models)}", width="content")
            st.button(_("Undo"), icon=":material/undo:", on_click=undo, key="undo")


def add_network() -> None:
    """The dialog that takes a network in; its title is of the visitor's language, so it is made when it opens."""
    st.dialog(_("Add a network"))(ask_for_network)()


def ask_for_network() -> None:
    """Upload a file, say what is known of it, and have it looked over."""
    st.caption(
        _("Keras (.keras or .h5; of Keras 2 a zipped SavedModel too) or LiteRT (.tflite). No code in it is run.")
    )
    upload = st.file_uploader(_("The network's file"), max_upload_size=MAX_BYTES // 2**20, key="network-file")
    name = st.text_input(_("Name"), placeholder=_("as its file is called"), key="network-name")
    classes = st.text_input(_("Classes, in their order"), placeholder=_("cat, dog, frog"), key="network-classes")
    listed = st.file_uploader(
        _("Or a file of their names: labels.txt, JSON or CSV"),
        type=["txt", "json", "csv", "tsv"],
        max_upload_size=-(-MAX_NAMES // 2**20),
        key="network-labels",
    )
    with st.expander(_("Details")):
        scaling = st.selectbox(
            _("It wants pixels as"),
            [FIND_OUT, *SCALINGS],
            format_func=lambda key: _(SCALINGS[key].about) if key in SCALINGS else _("find out, or guess 0 to 1"),
            key="network-scaling",
        )
        size = st.text_input(
            _("Pixels a side, for a network that takes any"),
            placeholder=_("224, or 150x200 (height x width)"),
            key="network-size",
        )
    if st.button(_("Add"), type="primary", disabled=upload is None, key="network-add") and upload:
        try:
            names = names_of(classes.strip(), (listed.name, listed.getvalue()) if listed else None)
            sides = sides_of(size)
        except (NamesError, SizeError) as error:
            st.error(phrases.plain(str(error)))
            return
        wishes = ModelOptions(name.strip(), names, "" if scaling == FIND_OUT else scaling, *sides)
        take(upload.name, upload.getvalue(), wishes)


def names_of(typed: str, file: tuple[str, bytes] | None) -> Names:
    """The classes' names as they were typed, or from a file; no path is followed here. Raises NamesError."""
    if file and not typed:
        return parse_names(file[1], phrases.file_name(file[0]))
    return parse_typed_names(typed, _("Classes, in their order")) if typed else []


def take(file: str, content: bytes, wishes: ModelOptions) -> None:
    """Store an uploaded file and open it, or say in the dialog why not."""
    with TemporaryDirectory() as folder, st.spinner(_("Looking the file over, a few seconds")):
        path = Path(folder) / phrases.file_name(file)
        try:
            roles.check_owner()
            path.write_bytes(content)
            added = add_file(path, wishes)
        except BundleError as error:
            st.error(phrases.plain(str(error)))
            return
    st.session_state.model_news = model_text.added(added)
    open_one(added.model.title)
    st.rerun()


def show_changes(entry: Entry) -> None:
    """What can be done with a network: the default, and for one of the store a name and its end."""
    st.button(
        _("The default") if entry.default else _("Make it the default"),
        icon=":material/star:",
        key=f"default-{entry.name}",
        on_click=set_default,
        args=(entry.name,),
        disabled=entry.default,
    )
    if entry.origin != STORED:
        return
    if "@" not in entry.name:  # all versions of a name are renamed together
        with st.popover(_("Rename"), icon=":material/edit:"):
            st.text_input(_("New name"), entry.name, max_chars=64, key=f"rename-{entry.name}")
            st.button(_("Rename"), key=f"rename-do-{entry.name}", on_click=rename, args=(entry.name,), type="primary")
    if entry.card is not None and not entry.card.is_guess:
        with st.popover(_("Pixels"), icon=":material/tune:"):
            ask_for_scaling(entry.name, entry.card)
    st.button(_("Delete"), icon=":material/delete:", key=f"remove-{entry.name}", on_click=remove, args=(entry.name,))


def show_guess(entry: Entry, card: Card, may_change: bool) -> None:
    """That nobody knows yet what a network wants for a pixel, and how to say so."""
    st.warning(model_text.guessed(card), icon=":material/help:")
    if may_change and entry.origin == STORED:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            ask_for_scaling(entry.name, card)


def ask_for_scaling(name: str, card: Card) -> None:
    """Choose what a stored network wants for a pixel, or say that it is right as it is."""
    chosen = st.selectbox(
        _("It wants pixels as"),
        list(SCALINGS),
        list(SCALINGS).index(card.scaling) if card.scaling in SCALINGS else 0,
        format_func=lambda key: _(SCALINGS[key].about),
        key=f"scaling-{name}-{card.scaling}",
    )
    st.button(
        _("Confirm") if chosen == card.scaling else _("Change"),
        icon=":material/check:",
        type="primary",
        key=f"confirm-{name}",
        on_click=confirm,
        args=(name, chosen),
    )


def show_downloads(entry: Entry, card: Card) -> None:
    """A button for each kind of file that the network can be had as; one that must be made first says so.

    Making one takes minutes of this machine: the owner's. Visitors get those that are there.
    """
    owner = roles.is_owner()
    made: set[tuple[str, str]] = st.session_state.setdefault("made_files", set())
    with st.popover(_("Download"), icon=":material/download:"):
        for suffix in filter(lambda suffix: can_convert(card, suffix), KINDS):
            file = own_file(card, suffix)
            label = model_text.file_label(file, suffix)
            if not file and not owner:
                continue
            if file or (resources.fingerprint(card), suffix) in made:
                show_download(entry.name, suffix, label, owners=not file)
            elif st.button(
                _("Make {file}").format(file=label), icon=":material/build:", key=f"make-{suffix}-{entry.name}"
            ):
                make(entry.name, card, suffix, made)
            if suffix == ".tflite" and not file:
                st.caption(_("Made from the sample pictures: measure it before you rely on it."))


def show_download(name: str, suffix: str, label: str, owners: bool) -> None:
    """The button that saves a file. owners: whether it is for the owner alone, as one that had to be made is."""

    def content() -> bytes:
        return resources.converted(name, suffix)

    st.download_button(
        label,
        roles.owner_only(content) if owners else content,
        f"{name}{'-int8' if label.startswith('int8') else ''}{suffix}",
        "application/octet-stream",
        icon=":material/download:",
        key=f"download-{suffix}-{name}",
        on_click="ignore",
    )


def make(name: str, card: Card, suffix: str, made: set[tuple[str, str]]) -> None:
    try:
        roles.check_owner()
        with st.spinner(_("Turning the network into another kind of file, some seconds")):
            resources.converted(name, suffix)
    except BundleError as error:
        st.error(phrases.plain(str(error)))
        return
    made.add((resources.fingerprint(card), suffix))
    st.rerun()
