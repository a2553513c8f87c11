"""Where pictures come from: the drop area, the camera, the clipboard and the samples."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.components.css import tile_style
from dashboard.panels.selected_picture import Opened, forget_picture
from dashboard.presenters import phrases
from dashboard.services import resources
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.display_names import class_name
from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES
from model.images.image_files import is_picture_path
from model.images.samples import Sample, first_of_each_class, list_samples


def _forget_sample() -> None:
    st.query_params.pop("sample", None)
    forget_picture()


def _choose_sample(name: str) -> None:
    forget_picture()
    st.query_params["sample"] = name


def chosen_sample() -> Opened | None:
    """Return the sample in the address; if there is no such sample, say so."""
    wanted = st.query_params.get("sample", "")
    if not wanted:
        return None
    found = next((sample for sample in list_samples() if sample.name == wanted), None)
    if found is None:
        text = _("There is no sample {name} here; choose one of these.")
        st.warning(phrases.escape_markdown(text.format(name=repr(wanted[:60]))))
        return None
    return Opened(found.name, found.path.read_bytes(), found.truth)


def camera_picture() -> list[tuple[str, bytes]]:
    """Return a picture from the camera."""
    shot = st.camera_input(
        _("Take a picture"), key="camera", on_change=_forget_sample, label_visibility="collapsed", width=480
    )
    return [("camera.jpg", shot.getvalue())] if shot else []


def drop_area(folder: bool = False) -> list[tuple[str, bytes]]:
    """Draw the drop area and return names and bytes of its files."""
    files = st.file_uploader(
        _("Drop or paste pictures here: PNG, JPEG, WebP, AVIF, HEIC, BMP, GIF or TIFF"),
        accept_multiple_files="directory" if folder else True,
        key=f"upload-{'Folder' if folder else 'Files'}-{st.session_state.get('cleared', 0)}",
        max_upload_size=MAX_BYTES // 2**20,  # a larger one is refused in the browser, with a sentence beside its name
        on_change=_forget_sample,
    )
    taken = [file for file in files if is_picture_path(file.name)] if folder else files
    if files and not taken:
        st.info(_("This folder holds no pictures."))
    return [(_name_of(file.name), file.getvalue()) for file in taken]


def drop_one() -> list[tuple[str, bytes]]:
    """Draw a drop area for one picture."""
    file = st.file_uploader(
        _("Drop or paste a picture here: PNG, JPEG, WebP, AVIF, HEIC, BMP, GIF or TIFF"),
        key="upload-one",
        max_upload_size=MAX_BYTES // 2**20,
        on_change=_forget_sample,
    )
    return [(_name_of(file.name), file.getvalue())] if file else []


def _name_of(name: str) -> str:
    """Return a file's name as it was: browsers send a quotation mark as %22."""
    return name.replace("%22", '"')


def clear_drop_area() -> None:
    """Empty the drop area by giving the widget a new key."""
    st.session_state.cleared = st.session_state.get("cleared", 0) + 1


def show_samples() -> None:
    """Draw the strip of samples, one for each class."""
    pictures = resources.sample_thumbnails()
    samples: Sequence[Sample] = first_of_each_class([one for one in list_samples() if one.css_key in pictures])
    st.html(tile_style({sample.css_key: pictures[sample.css_key] for sample in samples}, "76px"))
    st.caption(_("or try one of these:"))
    with st.container(horizontal=True, gap="xsmall", key="samples"):
        for sample in samples:
            label, hint = phrases.escape_markdown(class_name(sample.truth, CIFAR10_CLASSES)), _("Classify this sample")
            st.button(label, key=sample.css_key, help=hint, on_click=_choose_sample, args=(sample.name,))
