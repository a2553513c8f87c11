"""Paste pictures from the clipboard: they go to the page's drop area, like dropped ones."""

from __future__ import annotations

import streamlit as st

from model.i18n.translations import gettext as _

_HTML = """<button type="button" hidden>
  <svg aria-hidden="true" width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor">
    <rect x="3" y="3" width="10" height="11.5" rx="1.5"/><rect x="5.5" y="1.3" width="5" height="3" rx="1"/>
  </svg><span class="label"></span>
</button>
<span class="problem" role="status"></span>"""

_CSS = """
:host, div { font-family: var(--st-font); }
button {
  display: flex; align-items: center; gap: 0.4rem; min-height: 2.5rem; padding: 0.25rem 0.75rem; cursor: pointer;
  font: 0.875rem var(--st-font); white-space: nowrap;
  color: var(--st-text-color); background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
}
button[hidden] { display: none; }
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.problem { font-size: 0.8rem; margin-left: 0.5rem; color: var(--st-text-color); }
.problem:empty { display: none; }
"""

# The drop area checks, uploads and shows the files; pasted files are as untrusted as dropped ones.
_JS = """
const FIELDS = "input, textarea, [contenteditable]"
const WAIT_TRIES = 100, WAIT_MS = 100

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button")
  const problem = parentElement.querySelector(".problem")
  button.querySelector(".label").textContent = data.label
  button.title = data.hint
  button.hidden = false  // not before it has a name

  const findInput = async () => {  // the drop area may be drawn a moment after the button
    for (let tries = 0; tries < WAIT_TRIES; tries++) {
      const input = document.querySelector('[data-testid="stFileUploaderDropzoneInput"]')
      if (input) return input
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
    }
  }
  const hand = async (files) => {
    const input = await findInput()
    problem.textContent = input ? "" : data.loading
    if (!input) return
    const parcel = new DataTransfer()
    for (const file of files) parcel.items.add(file)
    input.files = parcel.files
    input.dispatchEvent(new Event("change", { bubbles: true }))
  }
  const onPaste = (event) => {
    const clipboard = event.clipboardData
    const files = clipboard ? [...clipboard.files] : []
    if (files.length) {
      event.preventDefault()
      hand(files)
    } else if (!event.composedPath()[0].closest?.(FIELDS)) problem.textContent = data.nothing
  }
  const onClick = async () => {
    try {
      const files = []
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((type) => type.startsWith("image/"))
        if (type) files.push(new File([await item.getType(type)], data.file + "." + type.slice(6), { type }))
      }
      if (files.length) await hand(files)
      else problem.textContent = data.nothing
    } catch {
      problem.textContent = data.keys
    }
  }
  button.onclick = onClick
  const old = parentElement.vitrinePaste
  if (old) document.removeEventListener("paste", old)
  parentElement.vitrinePaste = onPaste
  document.addEventListener("paste", onPaste)
  return () => document.removeEventListener("paste", parentElement.vitrinePaste)
}
"""

_paste = st.components.v2.component("vitrine_paste", html=_HTML, css=_CSS, js=_JS)


def paste_button(key: str = "paste") -> None:
    """Draw a button that takes a picture from the clipboard; Ctrl+V anywhere on the page does the same.

    The page must have a drop area.
    """
    _paste(
        data={
            "label": _("Paste"),
            "hint": _("Paste a picture from the clipboard, like Ctrl+V"),
            "nothing": _("There is no picture in the clipboard."),
            "keys": _("This browser pastes only with Ctrl+V."),
            "loading": _("The page is still loading. Paste once more."),
            "file": _("pasted"),
        },
        key=key,
        width="content",
        height="content",
    )
