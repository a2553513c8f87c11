"""Try what was just taught: a picture or the live camera, answered in the browser without a run of the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from model.i18n.translations import gettext as _

HTML = """<div class="tryout" hidden>
  <div class="buttons"><button type="button" class="live"></button><button type="button" class="choose"></button></div>
  <input type="file" accept="image/*,.heic,.heif" hidden>
  <div class="area">
    <p class="hint" data-word="hint"></p>
    <img class="picture" hidden alt=""><video autoplay playsinline muted hidden></video>
  </div>
  <p class="problem" role="status"></p>
  <div class="answer" hidden>
    <p class="headline"></p><p class="certainty"></p>
    <ul class="bars"></ul>
    <p class="why" data-word="why"></p>
    <ul class="near"></ul>
  </div>
  <p class="rate"></p>
</div>"""

_HERE = Path(__file__)
_try_out = st.components.v2.component(
    "vitrine_try_out",
    html=HTML,
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


def show_try_out(base: str, taught: int, key: str = "try") -> None:
    """Draw the part.

    Args:
        base: The address of the project's routes.
        taught: The revision that was learnt last; when it changes, the picture is asked about again.
        key: The component's key.
    """
    words = {
        "camera": _("Live camera"),
        "stop": _("Stop the camera"),
        "choose": _("Choose a picture"),
        "hint": _("Drop or paste a picture that it was not taught."),
        "why": _("It looks most like these taught pictures:"),
        "waiting": _("Nothing has been learnt yet."),
        "rate": _("{count} answers a second"),
        "not_allowed": _("The browser may not use the camera: allow it in the address bar."),
        "no_camera": _("There is no camera, or another program is using it."),
        "failed": _("That did not work: reload the page."),
    }
    _try_out(data={"base": base, "taught": taught, "words": words}, key=key, height="content")
