"""The classes of a project as cards in the browser, to which pictures are added by drop, paste, file and camera.

Pictures and changes go to dashboard/teaching/routes.py and not through a run of the page.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES, too_large_sentence

HTML = """<div class="board" hidden>
  <p class="empty" data-word="empty"></p>
  <ul class="classes"></ul>
  <form class="new"><input type="text" maxlength="64"><button type="submit" data-word="add"></button></form>
  <div class="whole">
    <p data-word="whole"></p>
    <button type="button" data-word="zip"></button>
    <input type="file" accept=".zip,application/zip" hidden>
    <p class="line" role="status"></p>
  </div>
  <button type="button" class="undo" hidden><span></span></button>
  <p class="problem" role="alert"></p>
</div>"""

_HERE = Path(__file__)
_board = st.components.v2.component(
    "vitrine_class_board",
    html=HTML,
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


def show_board(base: str, revision: int, key: str = "board") -> None:
    """Draw the classes of the project whose routes begin with `base`; they are read again when the revision changes."""
    data = {"base": base, "revision": revision, "most": MAX_BYTES, "words": _words()}
    _board(data=data, key=key, height="content")


def _words() -> dict[str, str]:
    return {
        "empty": _("Name a class, then drop pictures of it on its card. With a second class it begins to learn."),
        "new_class": _("New class"),
        "add": _("Add"),
        "drop": _("Drop pictures or folders here, paste them, or use the buttons above."),
        "whole": _("Many at once: drop a ZIP file or folders here, with a folder of pictures for each class."),
        "zip": _("Choose a ZIP file"),
        "files": _("Add pictures to {name}"),
        "camera": _("Record {name} with the camera"),
        "remove": _("Remove the class {name}"),
        "rename": _("Rename {name}"),
        "hold": _("Hold to record"),
        "chosen": _("{count} chosen"),
        "remove_pictures": _("Remove"),
        "move": _("Move to …"),
        "none": _("Deselect"),
        "fewer": _("fewer"),
        "undo": _("Undo"),
        "progress": _("{done} of {total}"),
        "added": _("{count} added"),
        "known": _("{count} already there"),
        "more": _("and {count} more"),
        "reading": _("Reading {name} …"),
        "which_class": _("These pictures are not in a folder: drop them on the card of their class."),
        "too_large": too_large_sentence(),
        "no_pictures": _("There are no pictures in there."),
        "not_allowed": _("The browser may not use the camera: allow it in the address bar."),
        "no_camera": _("There is no camera, or another program is using it."),
        "failed": _("That did not work: reload the page."),
    }
