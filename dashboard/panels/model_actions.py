"""The actions of the Models page: add, change and download networks."""

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
from model.signature.shapes import SizeError, parse_sides

_FIND_OUT = "find out"


def open_one(name: str) -> None:
    """Open a network's details."""
    st.query_params["name"] = name


def _attempt(change: Callable[[], object]) -> bool:
    """Change the store and return whether that worked; if not, the next page says why."""
    try:
        roles.check_owner()
        change()
    except BundleError as error:
        st.session_state.model_problem = str(error)
        return False
    return True


def _set_default(name: str) -> None:
    _attempt(lambda: resolution.set_default(name))


def rename(old: str) -> None:
    """Rename a network."""
    new = st.session_state[f"rename-{old}"].strip()
    if _attempt(lambda: store.rename_model(old, new)):
        open_one(new)


def _remove(name: str) -> None:
    def work() -> None:
        # A row of several versions goes one by one: the card says which.
        st.session_state.removed = store.remove_models(name)

    if _attempt(work):
        st.query_params.pop("name", None)


def _confirm(name: str, scaling: str) -> None:
    if _attempt(lambda: store.confirm_scaling(name, scaling)):
        about = _(SCALINGS[scaling].about)
        st.session_state.model_news = _("From now on {name} gets pixels as {scaling}.").format(name=name, scaling=about)


def _undo() -> None:
    models = st.session_state.removed
    if _attempt(lambda: store.restore_models(models)):
        open_one(models[0].title)
        st.session_state.pop("removed")


def show_messages() -> None:
    """Say what the last click did, with an undo button for those who may undo it."""
    if problem := st.session_state.pop("model_problem", None):
        st.error(phrases.escape_markdown(problem))
    if news := st.session_state.pop("model_news", None):
        st.success(phrases.escape_markdown(news), icon=":material/check:")
    if (models := st.session_state.get("removed")) and roles.is_owner():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/delete: {model_text.removed_text(models)}", width="content")
            st.button(_("Undo"), icon=":material/undo:", on_click=_undo, key="undo")


def add_network() -> None:
    """Open the dialog to add a network; it is created when it opens, because its title depends on the language."""
    st.dialog(_("Add a network"))(_ask_for_network)()


def _ask_for_network() -> None:
    """Draw the fields: a file and what is known about it."""
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
            [_FIND_OUT, *SCALINGS],
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
            names = _names_of(classes.strip(), (listed.name, listed.getvalue()) if listed else None)
            sides = parse_sides(size)
        except (NamesError, SizeError) as error:
            st.error(phrases.escape_markdown(str(error)))
            return
        wishes = ModelOptions(name.strip(), names, "" if scaling == _FIND_OUT else scaling, *sides)
        take(upload.name, upload.getvalue(), wishes)


def _names_of(typed: str, file: tuple[str, bytes] | None) -> Names:
    """Return the class names as typed, or from an uploaded file; no path is followed. Raises NamesError."""
    if file and not typed:
        return parse_names(file[1], phrases.safe_file_name(file[0]))
    return parse_typed_names(typed, _("Classes, in their order")) if typed else []


def take(file: str, content: bytes, wishes: ModelOptions) -> None:
    """Store an uploaded file and open it, or say in the dialog why not."""
    with TemporaryDirectory() as folder, st.spinner(_("Looking the file over, a few seconds")):
        path = Path(folder) / phrases.safe_file_name(file)
        try:
            roles.check_owner()
            path.write_bytes(content)
            added = add_file(path, wishes)
        except BundleError as error:
            st.error(phrases.escape_markdown(str(error)))
            return
    st.session_state.model_news = model_text.added_text(added)
    open_one(added.model.title)
    st.rerun()


def show_changes(entry: Entry) -> None:
    """Draw what can be done with a network: make it the default, rename it, remove it."""
    st.button(
        _("The default") if entry.default else _("Make it the default"),
        icon=":material/star:",
        key=f"default-{entry.name}",
        on_click=_set_default,
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
            _ask_for_scaling(entry.name, entry.card)
    st.button(_("Delete"), icon=":material/delete:", key=f"remove-{entry.name}", on_click=_remove, args=(entry.name,))


def show_guess(entry: Entry, card: Card, may_change: bool) -> None:
    """Say that a network's scaling is a guess, and how to confirm or correct it."""
    st.warning(model_text.guess_warning(card), icon=":material/help:")
    if may_change and entry.origin == STORED:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _ask_for_scaling(entry.name, card)


def _ask_for_scaling(name: str, card: Card) -> None:
    """Draw the choice of a stored network's scaling, and the button that confirms it."""
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
        on_click=_confirm,
        args=(name, chosen),
    )


def show_downloads(entry: Entry, card: Card) -> None:
    """Draw a button for each kind of file; one that must be made first says so.

    Making one takes minutes of this machine, so only the owner may; visitors get those that exist.
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
                _show_download(entry.name, suffix, label, owners=not file)
            elif st.button(
                _("Make {file}").format(file=label), icon=":material/build:", key=f"make-{suffix}-{entry.name}"
            ):
                make(entry.name, card, suffix, made)
            if suffix == ".tflite" and not file:
                st.caption(_("Made from the sample pictures: measure it before you rely on it."))


def _show_download(name: str, suffix: str, label: str, owners: bool) -> None:
    """Draw the button that downloads a file."""

    def content() -> bytes:
        return resources.converted_file(name, suffix)

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
    """Make a file."""
    try:
        roles.check_owner()
        with st.spinner(_("Turning the network into another kind of file, some seconds")):
            resources.converted_file(name, suffix)
    except BundleError as error:
        st.error(phrases.escape_markdown(str(error)))
        return
    made.add((resources.fingerprint(card), suffix))
    st.rerun()
