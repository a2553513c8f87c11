"""Many answers, the least sure first: a grid of pictures, a table, and files to download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from dashboard.components.css import tile_style
from dashboard.panels import answer_details
from dashboard.panels.explanation import show_why
from dashboard.presenters import downloads, phrases
from dashboard.presenters.file_answers import Item
from model.datasets.display_names import class_name
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from model.inference.classifier import Classifier
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN

_PAGE_OF_TILES = 24


def show_many(items: list[Item], classifier: Classifier, clear: Callable[[], None]) -> None:
    """Draw the answers: a grid to open, a table to sort, files to download."""
    failed = [item for item in items if item.answer.prediction is None]
    good = sorted(
        (item for item in items if item.answer.prediction), key=lambda item: (_is_unknown(item), item.confidence)
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{_counted(len(good), len(failed))}**", width="content")
        with st.container(horizontal=True, width="content"):
            st.button(_("Clear"), icon=":material/close:", on_click=clear, key="clear")
            _download("CSV", lambda: downloads.to_csv(items), "answers.csv", "text/csv")
            _download("JSON", lambda: downloads.to_json(items), "answers.json", "application/json")
    for item in failed:
        answer_details.show_failure(item)
    if not good:
        return
    shown = _choose_group(good)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        opened = show_tiles(shown, "many")
    with right:
        answer_details.show_answer(shown[opened], classifier, key="opened", narrow=True)
        show_why(shown[opened], classifier, key="opened", narrow=True)
    _show_overview(items)


def _is_unknown(item: Item) -> bool:
    """Return whether a picture is probably of none of the classes."""
    return item.answer.prediction is not None and item.answer.prediction.verdict == UNKNOWN


def _choose_group(items: list[Item]) -> list[Item]:
    """Return all pictures, those of the classes or those of none; there is a choice only if there are both."""
    count = sum(map(_is_unknown, items))
    if count in (0, len(items)):
        return items
    titles = {
        "all": _("All {count}").format(count=len(items)),
        "known": _("{count} of the classes").format(count=len(items) - count),
        "unknown": _("{count} probably of none").format(count=count),
    }
    chosen = st.segmented_control(
        _("Show"),
        list(titles),
        default="all",
        required=True,
        format_func=titles.__getitem__,
        key="group",
        label_visibility="collapsed",
    )
    return [item for item in items if chosen == "all" or _is_unknown(item) == (chosen == "unknown")]


def _counted(good: int, failed: int) -> str:
    """Return their number in words."""
    answered = ngettext("{n} picture", "{n} pictures, the least sure first", good).format(n=good)
    unread = ngettext("{n} could not be read", "{n} could not be read", failed).format(n=failed)
    return " · ".join([answered] * bool(good) + [unread] * bool(failed))


def _download(label: str, content: Callable[[], str | bytes], file: str, kind: str) -> None:
    st.download_button(label, content, file, kind, icon=":material/download:", on_click="ignore")


def show_tiles(items: Sequence[Item], key: str) -> int:
    """Draw a grid of pictures with answers and small bars; return the position of the opened one."""
    state = f"opened-{key}"

    def open_one(position: int) -> None:
        st.session_state[state] = _identity(items[position])

    # The order changes with the network and with every file that comes; the opened picture stays.
    chosen = st.session_state.get(state)
    opened = next((position for position, item in enumerate(items) if _identity(item) == chosen), 0) if chosen else 0
    pages = -(-len(items) // _PAGE_OF_TILES)
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    shown = range((page - 1) * _PAGE_OF_TILES, min(page * _PAGE_OF_TILES, len(items)))
    keys = {position: f"tile-{key}-{position}" for position in shown}
    said = {position: prediction for position in shown if (prediction := items[position].answer.prediction)}
    pictures = {keys[position]: items[position].answer.thumbnail for position in shown}
    bars = {
        keys[position]: 0.0 if prediction.verdict == UNKNOWN else prediction.best.probability
        for position, prediction in said.items()
    }
    st.html(tile_style(pictures, "120px", bars, keys.get(opened, "")))
    with st.container(horizontal=True, gap="xsmall"):
        for position, prediction in said.items():
            best = prediction.best
            name = phrases.escape_markdown(class_name(best.label, prediction.labels))
            label = f"{name} {phrases.percent(best.probability)}"
            if prediction.verdict == UNKNOWN:
                label = phrases.escape_markdown(_none_like(prediction))
            name = phrases.escape_markdown(items[position].name)
            st.button(label, key=keys[position], help=name, on_click=open_one, args=(position,))
    return opened


def _none_like(prediction: Prediction) -> str:
    """Return what a picture of probably none of the classes is like."""
    best = class_name(prediction.best.label, prediction.labels)
    like = prediction.looks_like.label if prediction.looks_like else best
    return _("none? like {label}").format(label=like)


def _class_text(prediction: Prediction) -> str:
    if prediction.verdict == UNKNOWN:
        return _none_like(prediction)
    return class_name(prediction.best.label, prediction.labels)


def _identity(item: Item) -> tuple[str, str]:
    return item.name, hashlib.sha256(item.answer.thumbnail).hexdigest()


def _overview(items: Sequence[Item]) -> pd.DataFrame:
    """Return a row for each file: class, probability, second guess, milliseconds, or what is wrong with it."""
    rows = []
    can_tell = any(item.answer.prediction and item.answer.prediction.verdict for item in items)
    for item in items:
        prediction = item.answer.prediction
        first, second = (*prediction.top(2), None)[:2] if prediction else (None, None)
        labels = prediction.labels if prediction else ()
        rows.append(
            {
                "file": item.name,
                "class": _class_text(prediction) if prediction else None,
                "sure": first.probability if first else None,
                **({"known": prediction.known_score if prediction else None} if can_tell else {}),
                "second guess": class_name(second.label, labels) if second else None,
                "ms": round(prediction.milliseconds, 1) if prediction else None,
                "problem": item.answer.error or (prediction.note if prediction else "") or None,
            }
        )
    return pd.DataFrame(rows)


def _show_overview(items: Sequence[Item]) -> None:
    sure = st.column_config.ProgressColumn(_("sure"), format="percent", min_value=0, max_value=1)
    titles = {"file": _("file"), "class": _("class"), "second guess": _("second guess"), "problem": _("problem")}
    known = st.column_config.ProgressColumn(
        _("known"),
        format="percent",
        min_value=0,
        max_value=1,
        help=_(
            "How sure it is that the picture shows one of the classes at all. From where on it perhaps does not, and "
            "probably does not, is each network's own."
        ),
    )
    st.dataframe(
        _overview(items),
        hide_index=True,
        column_config={**titles, "sure": sure, "known": known},
        alt=_("Every file with its class and how sure the network is"),
    )
