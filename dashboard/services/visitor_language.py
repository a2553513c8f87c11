"""The visitor's language: from the address, else from the browser."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from model.i18n import translations
from model.i18n.translations import ENGLISH, LANGUAGES

KEY = "lang"


def visitors() -> str:
    """The language of the visitor whose page is being drawn; English where there is none, as for the HTTP routes."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ENGLISH
    chosen = st.session_state.get(KEY) or st.query_params.get(KEY)
    return chosen if chosen in LANGUAGES else browsers(st.context.locale)


def browsers(locale: str | None) -> str:
    """The one of our languages that a browser's `pt-BR` stands for."""
    name = (locale or ENGLISH).replace("_", "-").partition("-")[0].lower()
    return name if name in LANGUAGES else ENGLISH


def choose() -> None:
    """The switch, which stands in the address once it is used."""
    st.segmented_control(
        translations.gettext("Language"),
        list(LANGUAGES),
        default=browsers(st.context.locale),
        required=True,
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
    )
    # Screen readers pronounce by it. Only a key of LANGUAGES gets in.
    st.html(f"<script>{script(translations.current_language())}</script>", unsafe_allow_javascript=True)


def script(name: str) -> str:
    """Code that tells the browser the page's language.

    dashboard/services/content_security_policy.py lets no other inline code run.
    """
    return f"document.documentElement.lang = '{name}'"


translations.set_language_provider(visitors)
