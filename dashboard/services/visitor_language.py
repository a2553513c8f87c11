"""The visitor's language: from the address, else from the browser."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from model.i18n import translations
from model.i18n.translations import ENGLISH, LANGUAGES

_KEY = "lang"


def _visitor_language() -> str:
    """Return the language of the visitor whose page is being drawn; English if there is none, as for HTTP routes."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ENGLISH
    chosen = st.session_state.get(_KEY) or st.query_params.get(_KEY)
    return chosen if chosen in LANGUAGES else match_language(st.context.locale)


def match_language(locale: str | None) -> str:
    """Return our language for a browser's locale, such as `pt-BR`."""
    name = (locale or ENGLISH).replace("_", "-").partition("-")[0].lower()
    return name if name in LANGUAGES else ENGLISH


def language_switch() -> None:
    """Draw the language switch; a choice is written into the address."""
    st.segmented_control(
        translations.gettext("Language"),
        list(LANGUAGES),
        default=match_language(st.context.locale),
        required=True,
        key=_KEY,
        bind="query-params",
        label_visibility="collapsed",
    )
    # For screen readers. It is always a key of LANGUAGES.
    st.html(f"<script>{language_script(translations.current_language())}</script>", unsafe_allow_javascript=True)


def language_script(name: str) -> str:
    """Return code that sets the page's language.

    The Content-Security-Policy of the page allows no other inline code.
    """
    return f"document.documentElement.lang = '{name}'"


translations.set_language_provider(_visitor_language)
