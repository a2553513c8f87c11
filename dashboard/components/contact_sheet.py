"""A contact sheet: many small pictures as links; a click is handled without loading a new page."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st

from dashboard.presenters.data_url import data_url
from model.images.decoder import array_to_image
from model.images.thumbnails import encode_jpeg, encode_png

SIDE = 96  # pixels of a picture on the page

_CSS = """
.sheet {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 6px; margin: 0; padding: 2px;
  list-style: none;
}
.sheet a {
  display: block; color: var(--st-text-color); text-decoration: none; border: 2px solid var(--st-border-color);
  border-radius: 8px; overflow: hidden; background: var(--st-secondary-background-color);
  font: 12px/1.4 var(--st-font);
}
.sheet a.wrong { border-color: #CC6677; }
.sheet a:hover { border-color: var(--st-primary-color); }
.sheet a:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 1px; }
.sheet img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; }
.sheet div { position: relative; }
.sheet b {
  position: absolute; right: 2px; bottom: 2px; padding: 0 4px; border-radius: 5px; font: 11px/1.4 var(--st-font);
  background: rgba(12, 20, 22, 0.82); color: #fff;
}
.sheet span { display: block; padding: 0 5px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.sheet span:first-of-type { padding-top: 2px; }
.sheet span:last-of-type { padding-bottom: 3px; }
"""

_JS = """
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const list = document.createElement("ul")
  list.className = "sheet"
  list.setAttribute("aria-label", data.title)
  for (const cell of data.cells) {
    const item = document.createElement("li")
    const link = document.createElement("a")
    link.href = cell.href
    link.className = cell.verdict
    link.title = cell.name
    const image = document.createElement("img")
    image.src = cell.image
    image.alt = cell.name
    const frame = document.createElement("div")
    frame.append(image)
    if (cell.badge) {
      const badge = document.createElement("b")
      badge.textContent = cell.badge
      frame.append(badge)
    }
    link.append(frame)
    for (const text of cell.lines) {
      const line = document.createElement("span")
      line.textContent = text
      link.append(line)
    }
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
      event.preventDefault()
      setTriggerValue("opened", cell.place)
    }
    item.append(link)
    list.append(item)
  }
  const old = parentElement.querySelector("ul")
  if (old) old.replaceWith(list)
  else parentElement.append(list)
}
"""


@dataclass(frozen=True)
class Cell:
    """A picture on the sheet.

    Attributes:
        place: Its index in the set.
        image: Its URL.
        href: Where the link leads.
        name: Its name.
        lines: The lines below it.
        verdict: `right`, `wrong` or neither.
        badge: The text on it.
    """

    place: int
    image: str
    href: str
    name: str
    lines: tuple[str, ...] = ()
    verdict: str = ""
    badge: str = ""


def thumbnail_url(image: np.ndarray) -> str:
    """Return a data URL of a picture, uint8 (height, width, channels); small pictures keep their pixels."""
    return data_url(encode_png(image) if max(image.shape) <= SIDE else encode_jpeg(array_to_image(image), SIDE))


_sheet = st.components.v2.component("vitrine_sheet", html="<div></div>\n<div></div>", css=_CSS, js=_JS)


def show_sheet(title: str, cells: list[Cell], key: str) -> int | None:
    """Draw the pictures and return the index of the one that was just clicked.

    Args:
        title: A title for screen readers.
        cells: The pictures.
        key: The widget's key.
    """
    result = _sheet(
        data={"title": title, "cells": [asdict(cell) for cell in cells]}, key=key, on_opened_change=lambda: None
    )
    opened = result.opened
    return opened if opened in {cell.place for cell in cells} else None
