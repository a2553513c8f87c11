"""The page's Content-Security-Policy: what it may load, and who may show it in a frame."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.types import Scope

from api.headers import headers, policy
from dashboard.services.visitor_language import language_script
from model.common.settings import read_settings
from model.i18n.translations import LANGUAGES

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def _page_headers() -> list[tuple[bytes, bytes]]:
    """Return the headers of the page and all that belongs to it.

    Raises:
        SettingError: VITRINE_EMBED is invalid.
    """
    directives = {
        "default-src": "'self'",
        # Only these inline scripts may run; our components' code reaches the browser as blobs.
        "script-src": " ".join(["'self'", "blob:", *map(_hash_source, _inline_scripts())]),
        "style-src": "'self' 'unsafe-inline'",  # Streamlit's styles are made in the browser
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }
    return headers(policy(directives, frame_ancestors(read_settings("embed").embed)))


def page_headers_for(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the same for any request."""
    return _page_headers()


def _inline_scripts() -> Iterable[str]:
    """Return the scripts in Streamlit's page itself, and ours that sets the page's language."""
    index = Path(st.__file__).parent / "static" / "index.html"
    return [*_INLINE.findall(index.read_text("utf-8")), *map(language_script, LANGUAGES)]


def _hash_source(code: str) -> str:
    """Return an inline script's hash as the policy expects it."""
    return f"'sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def frame_ancestors(origins: Sequence[str]) -> str:
    """Return the sources for `frame-ancestors`: this page itself and the named origins, or `*`."""
    return "*" if tuple(origins) == ("*",) else " ".join(["'self'", *origins])
