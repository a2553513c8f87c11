"""Choices in the address: a view can be shared whatever language its readers use.

Streamlit's own binding writes the shown words, which change with the language; these functions write the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from dashboard.presenters import phrases
from model.i18n.translations import gettext as _

_KEPT = ("model", "lang")  # what links to other pages keep
VIEW = ("set", "engine", "true", "answer", "verdict", "sort", "sure", "page")  # what defines a view of a test set


def read(name: str, options: Sequence[str]) -> str:
    """Return the value in the address if it is one of the options, else the first option."""
    value = st.query_params.get(name, "")
    return value if value in options else options[0]


def write(**values: str) -> None:
    """Write values to the address; an empty one is removed. The new view starts on its first page."""
    for name, value in ({"page": ""} | values).items():
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


def choose(
    label: str,
    name: str,
    options: Sequence[str],
    shown: Callable[[str], str],
    switch: bool = False,
    width: int | Literal["stretch"] = "stretch",
    named: bool = True,
    ordered: bool = True,
) -> str:
    """Draw a select box, or a row of switches, bound to the address.

    Args:
        label: Its label.
        name: The name in the address.
        options: The values.
        shown: Returns the words for a value.
        switch: Draw switches instead of a select box.
        width: The width of the select box.
        named: Whether the label of the switches is visible.
        ordered: Whether the order of the options stays; then the first is what an address without a value means.
    """
    key = f"choose-{name}"
    _drop_invalid(name, options, label, shown)
    st.session_state[key] = read(name, options)

    def changed() -> None:
        value = st.session_state[key]
        write(**{name: "" if value is None or (ordered and value == options[0]) else value})

    chosen: str | None
    if switch:
        chosen = st.segmented_control(
            label,
            options,
            key=key,
            format_func=shown,
            on_change=changed,
            required=True,
            label_visibility="visible" if named else "collapsed",
        )
    else:
        chosen = st.selectbox(label, options, key=key, format_func=shown, on_change=changed, width=width)
    return chosen if chosen is not None and chosen in options else options[0]


def _drop_invalid(name: str, options: Sequence[str], label: str, shown: Callable[[str], str]) -> None:
    """Remove a value that is not an option from the address, and say what is used instead."""
    value = st.query_params.get(name, "")
    if not value or value in options:
        return
    del st.query_params[name]
    text = _("{label}: there is no {value} here; showing {first} instead.")
    st.toast(
        phrases.escape_markdown(text.format(label=label, value=repr(value[:60]), first=shown(options[0]))),
        duration="long",
    )


def choose_range(label: str, name: str, largest: int, form: str) -> tuple[int, int]:
    """Draw a slider with two ends, 0 to `largest`, which is in the address as `20-80`."""
    key = f"choose-{name}"
    low, found, high = st.query_params.get(name, "").partition("-")
    ends = (parse_number(low, largest), parse_number(high, largest)) if found else (0, largest)
    st.session_state[key] = min(ends), max(ends)

    def changed() -> None:
        low, high = st.session_state[key]
        write(**{name: "" if (low, high) == (0, largest) else f"{low}-{high}"})

    st.slider(label, 0, largest, (0, largest), format=form, key=key, on_change=changed)
    return min(ends), max(ends)


def choose_page(pages: int) -> int:
    """Draw the choice of a page of a long list, and return it, from 1; a single page has no widget."""
    page = max(1, parse_number(st.query_params.get("page", "1"), pages))
    if pages > 1:
        st.session_state["choose-page"] = page
        st.pagination(pages, key="choose-page", on_change=lambda: write(page=str(st.session_state["choose-page"])))
    return page


def parse_number(text: str, largest: int) -> int:
    """Return the number in a text, 0 to `largest`; 0 if it is not one."""
    return min(int(text), largest) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def query(names: Sequence[str] = (), **values: str) -> dict[str, list[str]]:
    """Return the query of a link to another page: network and language, these names as they are, and these values."""
    found = {name: st.query_params.get_all(name) for name in (*_KEPT, *names) if name in st.query_params}
    return found | {name: [value] for name, value in values.items() if value}


def url(page: str, query: dict[str, list[str]]) -> str:
    """Return the address of a page, as any page can link to it."""
    return f"./{page}{'?' if query else ''}{urlencode(query, doseq=True)}"
