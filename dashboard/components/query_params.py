"""Choices that live in the address: a view can be sent to somebody, whatever language they read.

Streamlit's own binding writes the words that are shown, which change with the language; these write the value itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from dashboard.presenters import phrases
from model.i18n.translations import gettext as _

KEPT = ("model", "lang")  # what a link to another page takes along
VIEW = ("set", "engine", "true", "answer", "verdict", "sort", "sure", "page")  # what a view of a test set is made of


def given(name: str, options: Sequence[str]) -> str:
    """What the address says, if that is one of the options, else the first of them."""
    value = st.query_params.get(name, "")
    return value if value in options else options[0]


def put(**values: str) -> None:
    """Write values to the address; an empty one is taken out of it. Another view starts on its first page."""
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
) -> str:
    """A select box, or a row of switches, whose value is the address's; the first option stands for no entry there."""
    key = f"choose-{name}"
    pass_over(name, options, label, shown)
    st.session_state[key] = given(name, options)

    def changed() -> None:
        value = st.session_state[key]
        put(**{name: "" if value in (None, options[0]) else value})

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


def pass_over(name: str, options: Sequence[str], label: str, shown: Callable[[str], str]) -> None:
    """Take a value that is none of the options out of the address, and say once what stands in its place."""
    value = st.query_params.get(name, "")
    if not value or value in options:
        return
    del st.query_params[name]
    text = _("{label}: there is no {value} here. In its place: {first}.")
    st.toast(phrases.plain(text.format(label=label, value=repr(value[:60]), first=shown(options[0]))), duration="long")


def choose_range(label: str, name: str, most: int, form: str) -> tuple[int, int]:
    """A slider with two ends, 0 to `most`, that stands in the address as `20-80`."""
    key = f"choose-{name}"
    low, found, high = st.query_params.get(name, "").partition("-")
    ends = (number(low, most), number(high, most)) if found else (0, most)
    st.session_state[key] = min(ends), max(ends)

    def changed() -> None:
        low, high = st.session_state[key]
        put(**{name: "" if (low, high) == (0, most) else f"{low}-{high}"})

    st.slider(label, 0, most, (0, most), format=form, key=key, on_change=changed)
    return min(ends), max(ends)


def choose_page(pages: int) -> int:
    """The page of a long list, 1 for the first; no widget where there is but one."""
    page = max(1, number(st.query_params.get("page", "1"), pages))
    if pages > 1:
        st.session_state["choose-page"] = page
        st.pagination(pages, key="choose-page", on_change=lambda: put(page=str(st.session_state["choose-page"])))
    return page


def number(text: str, most: int) -> int:
    """The number that a text is, 0 to `most`; 0 for one that is none."""
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def query(names: Sequence[str] = (), **values: str) -> dict[str, list[str]]:
    """What a link to another page says: network and language, these names as they stand now, and these values."""
    found = {name: st.query_params.get_all(name) for name in (*KEPT, *names) if name in st.query_params}
    return found | {name: [value] for name, value in values.items() if value}


def url(page: str, query: dict[str, list[str]]) -> str:
    """A page's address as any page of ours can link to it."""
    return f"./{page}{'?' if query else ''}{urlencode(query, doseq=True)}"
