"""A confusion matrix as a table of links.

It is HTML, not a chart: the keyboard reaches each cell, a screen reader knows its row and column, and it is on the page
a third of a second before a Plotly chart would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.components import query_params
from model.datasets.display_names import class_name
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext

RIGHT, WRONG = "46, 158, 91", "204, 102, 119"
MAX_OPACITY = 0.55  # of a cell's colour: the theme's text stays readable on it

_CSS = """
.matrix { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 1px; width: 100%; table-layout: fixed; }
table { color: var(--st-text-color); font: 12px/1.3 var(--st-font); }
th { font-weight: 400; white-space: nowrap; }
thead tr:first-child th { padding-bottom: 6px; font-size: 14px; }
thead tr:last-child th { height: 76px; vertical-align: bottom; }
thead tr:last-child th span { writing-mode: vertical-rl; transform: rotate(180deg); }
tbody th { padding-right: 6px; text-align: right; overflow: hidden; text-overflow: ellipsis; }
tbody th:not(.side) { position: sticky; left: 0; background: var(--st-background-color); }
.side { width: 20px; }
th.side { overflow: visible; }
.side span { writing-mode: vertical-rl; transform: rotate(180deg); font-size: 14px; }
.name { width: 78px; }
td { padding: 0; height: 32px; text-align: center; }
a { display: block; line-height: 32px; color: inherit; text-decoration: none; border-radius: 3px; }
a:hover { outline: 2px solid var(--st-primary-color); }
a:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 1px; }
a[aria-current] { outline: 3px solid currentColor; }
"""

_JS = """
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const add = (parent, tag, text = "", attributes = {}) => {
    const made = document.createElement(tag)
    made.textContent = text
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
    parent.append(made)
    return made
  }
  const frame = document.createElement("div")
  frame.className = "matrix"
  const table = add(frame, "table", "", { "aria-label": data.title })
  table.style.minWidth = `${100 + 24 * data.names.length}px`  // more of them are scrolled
  const columns = add(table, "colgroup")
  add(columns, "col", "", { class: "side" })
  add(columns, "col", "", { class: "name" })
  add(columns, "col", "", { span: data.names.length })
  const head = add(table, "thead")
  const title = add(head, "tr")
  add(title, "td", "", { colspan: 2 })
  add(title, "th", data.answer, { colspan: data.names.length, scope: "colgroup" })
  const names = add(head, "tr")
  add(names, "td", "", { colspan: 2 })
  for (const name of data.names) add(add(names, "th", "", { scope: "col", title: name }), "span", name)
  const body = add(table, "tbody")
  data.names.forEach((name, row) => {
    const line = add(body, "tr")
    if (!row) {
      const side = add(line, "th", "", { rowspan: data.names.length, scope: "rowgroup", class: "side" })
      add(side, "span", data.truth)
    }
    add(line, "th", name, { scope: "row", title: name })
    data.names.forEach((_, column) => {
      const place = add(line, "td")
      const cell = data.cells[`${row},${column}`]
      if (!cell) return
      const link = add(place, "a", cell.text, { href: cell.href, title: cell.title, id: `cell-${row}-${column}` })
      link.style.background = `rgba(${cell.color})`
      if (cell.chosen) link.setAttribute("aria-current", "true")
      link.onclick = (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
        event.preventDefault()
        setTriggerValue("cell", cell.place)
      }
    })
  })
  const focused = parentElement.querySelector("a:focus")?.id
  const old = parentElement.querySelector(".matrix")
  if (old) old.replaceWith(frame)
  else parentElement.append(frame)
  if (focused) parentElement.querySelector(`#${focused}`)?.focus()
}
"""

_matrix = st.components.v2.component("vitrine_matrix", html="<div></div>", css=_CSS, js=_JS)


def cells(
    confusion: np.ndarray,
    classes: Sequence[str],
    places: Sequence[int],
    shares: bool,
    chosen: tuple[int, int] | None,
) -> dict[str, dict[str, Any]]:
    """Return the cells with pictures, by `row,column` among the shown classes.

    Args:
        confusion: int (classes, classes), [true][predicted].
        classes: The names of the classes.
        places: The indices of the shown classes, in order.
        shares: Percentages of the row instead of counts.
        chosen: The true and the predicted class of the highlighted cell.
    """
    totals = np.maximum(confusion.sum(axis=1), 1)
    part = confusion[np.ix_(places, places)] / totals[list(places), None]
    diagonal = np.eye(len(places), dtype=bool)
    most = {right: part[diagonal == right].max(initial=0.0) for right in (True, False)}
    found: dict[str, dict[str, Any]] = {}
    for row, column in np.argwhere(part > 0).tolist():
        true, answer, right = places[row], places[column], row == column
        # The square root, so that small shares are visible too.
        strength = MAX_OPACITY * float(np.sqrt(part[row, column] / most[right]))
        found[f"{row},{column}"] = {
            "text": decimal(100 * part[row, column]) if shares else str(confusion[true, answer]),
            "title": ngettext(
                "{count} of {total} pictures of {true} is predicted as {answer}: {share}",
                "{count} of {total} pictures of {true} are predicted as {answer}: {share}",
                int(confusion[true, answer]),
            ).format(
                count=integer(int(confusion[true, answer])),
                total=integer(int(totals[true])),
                true=class_name(classes[true], classes),
                answer=class_name(classes[answer], classes),
                share=percentage(part[row, column]),
            ),
            "color": f"{RIGHT if right else WRONG}, {strength:.3f}",
            "href": query_params.url("evaluation", _cell_query(classes[true], classes[answer])),
            "place": [true, answer],
            "chosen": chosen == (true, answer),
        }
    return found


def _cell_query(true: str, answer: str) -> dict[str, list[str]]:
    """Return the query of the page with a cell's pictures."""
    return query_params.query(("set", "engine", "cells"), true=true, answer=answer)


def show_matrix(
    names: Sequence[str], found: dict[str, dict[str, Any]], key: str, on_cell: Callable[[int, int], None]
) -> None:
    """Draw the table.

    Args:
        names: The names of the shown classes.
        found: The cells, from `cells`.
        key: The widget's key.
        on_cell: Called with the true and the predicted class when a cell is clicked, before the page is drawn
            again.
    """

    def clicked() -> None:
        place = st.session_state[key].cell
        if place in [cell["place"] for cell in found.values()]:
            on_cell(*place)

    data = {
        "title": _("Confusion matrix: true classes in rows, predicted classes in columns"),
        "truth": _("true class"),
        "answer": _("predicted class"),
        "names": list(names),
        "cells": found,
    }
    _matrix(data=data, key=key, on_cell_change=clicked)
