"""The quiet line that tells visitors what they may do, with a way to sign in, or to sign out."""

from __future__ import annotations

import streamlit as st

from dashboard.access import roles
from dashboard.access.password import owner_password
from model.i18n.translations import gettext as _

_HTML = """<form>
  <span class="line"></span>
  <button type="button" class="open" aria-expanded="false"></button>
  <span class="field" hidden>
    <input type="password" name="password" autocomplete="current-password" maxlength="1000" required>
    <button type="submit"></button>
  </span>
  <span class="problem" role="alert"></span>
</form>"""

_CSS = """
:host, form { font-family: var(--st-font); }
form {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.6rem; margin: 0;
  font-size: 0.875rem; color: var(--st-text-color);
}
.line { opacity: 0.8; }
button, input { font: inherit; color: inherit; background: none; min-height: 1.75rem; padding: 0 0.5rem; }
button { border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); cursor: pointer; }
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
input {
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); width: 11rem;
  background: var(--st-secondary-background-color);
}
.field { display: inline-flex; gap: 0.4rem; }
[hidden] { display: none; }
:is(button, input):focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.problem { font-weight: 600; }
.problem:empty { display: none; }
"""

# The cookie comes with the answer, and the next session of this browser bears it: so the page is loaded anew. The
# address stands beside the pages, whatever path they stand under.
_JS = """
export default function ({ data, parentElement }) {
  const form = parentElement.querySelector("form")
  const [line, problem, field] = [".line", ".problem", ".field"].map((name) => form.querySelector(name))
  const [open, send] = form.querySelectorAll("button")
  const input = form.querySelector("input")
  line.textContent = data.line
  open.textContent = data.open
  send.textContent = data.send
  input.setAttribute("aria-label", data.password)
  input.placeholder = data.password

  const ask = async (method, body) => {
    const headers = { "Content-Type": "application/json" }
    problem.textContent = ""
    send.disabled = open.disabled = true
    try {
      const answer = await fetch("./owner", { method, headers, body, credentials: "same-origin" })
      if (answer.ok) return location.reload()
      const seconds = answer.headers.get("Retry-After") ?? ""
      const said = { 401: data.wrong, 429: data.wait.replace("{seconds}", seconds) }
      problem.textContent = said[answer.status] ?? data.failed
    } catch {
      problem.textContent = data.failed
    }
    send.disabled = open.disabled = false
    input.select()
  }
  const show = (shown) => {
    field.hidden = !shown
    open.setAttribute("aria-expanded", String(shown))
    if (shown) input.focus()
    else problem.textContent = ""
  }
  if (data.signed_in) open.removeAttribute("aria-expanded")
  open.onclick = () => (data.signed_in ? ask("DELETE") : show(field.hidden))
  form.onkeydown = (event) => {
    if (event.key !== "Escape" || field.hidden) return
    show(false)
    open.focus()
  }
  form.onsubmit = (event) => {
    event.preventDefault()
    if (!field.hidden && !send.disabled) ask("POST", JSON.stringify({ password: input.value }))
  }
}
"""

_greeting = st.components.v2.component("vitrine_greeting", html=_HTML, css=_CSS, js=_JS)


def show_notice() -> None:
    """Draw the line if it is needed: the owner at this machine has nothing to read or to do."""
    signed_in = roles.current_visitor().signed_in
    if signed_in:
        _show(_("You are signed in as the owner."), _("Sign out"), True)
    elif roles.is_owner():
        return
    elif owner_password():
        _show(_("You are visiting: look and try. Changes are for the owner."), _("Owner sign-in"), False)
    else:
        st.caption(_("You are visiting: look and try. Changes are for the owner, at the machine that Vitrine runs on."))


def _show(line: str, button: str, signed_in: bool) -> None:
    _greeting(
        data={
            "line": line,
            "open": button,
            "signed_in": signed_in,
            "send": _("Sign in"),
            "password": _("Password"),
            "wrong": _("This is not the password."),
            "wait": _("Too many wrong passwords: try again in {seconds} s."),
            "failed": _("That did not work: load the page again."),
        },
        key="greeting",
        height="content",
    )
