"""The visitor's language: from the address, else from the browser."""

from __future__ import annotations

import streamlit as st

from model import language
from model.language import ENGLISH, LANGUAGES

KEY = "lang"


def visitors() -> str:
    """The language of the visitor whose page is being drawn; English where there is none."""
    if not st.runtime.exists():
        return ENGLISH
    chosen = st.session_state.get(KEY) or st.query_params.get(KEY)
    return chosen if chosen in LANGUAGES else browsers(st.context.locale)


def browsers(locale: str | None) -> str:
    """The one of our languages that a browser's `pt-BR` stands for."""
    name = (locale or ENGLISH).replace("_", "-").partition("-")[0].lower()
    return name if name in LANGUAGES else ENGLISH


def choose() -> None:
    """The switch, which stands in the address once it is used."""
    default = browsers(st.context.locale)
    names = sorted(LANGUAGES, key=default.__ne__)  # the browser's first: the address names only another choice
    st.selectbox(
        language.gettext("Language"),
        names,
        format_func=LANGUAGES.__getitem__,
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
        width=130,
    )


language.ask(visitors)
