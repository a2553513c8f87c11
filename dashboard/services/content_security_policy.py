"""What the page may load and who may show it in a frame: its Content-Security-Policy."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.types import Scope

from api.headers import headers, policy
from dashboard.services.visitor_language import script
from model.common.errors import VitrineError
from model.i18n.translations import LANGUAGES

EMBED = "VITRINE_EMBED"
ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9-]+|\*)(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?")
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class EmbedError(VitrineError, ValueError):
    """A setting that names no origins; the message says what would be right."""


@cache
def page_headers() -> list[tuple[bytes, bytes]]:
    """The headers of the page and all that belongs to it. Raises EmbedError."""
    directives = {
        "default-src": "'self'",
        # Inline scripts run only if they are these; our components' code comes to the browser as blobs.
        "script-src": " ".join(["'self'", "blob:", *map(fingerprint, inline_scripts())]),
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
    return headers(policy(directives, frames(os.environ.get(EMBED, ""))))


def page(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The same for any request."""
    return page_headers()


def inline_scripts() -> Iterable[str]:
    """The scripts that stand in Streamlit's page itself, and ours that names the page's language."""
    index = Path(st.__file__).parent / "static" / "index.html"
    return [*INLINE.findall(index.read_text("utf-8")), *map(script, LANGUAGES)]


def fingerprint(code: str) -> str:
    """An inline script as the policy names it."""
    return f"'sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def frames(origins: str) -> str:
    """Whose pages may show this one in a frame: its own, and those named with commas between, or `*`.

    Raises EmbedError.
    """
    named = [origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()]
    if named == ["*"]:
        return "*"
    for origin in named:
        if not ORIGIN.fullmatch(origin):
            raise EmbedError(f"{EMBED} has {origin!r}: it takes origins such as https://example.org, or * for all")
    return " ".join(["'self'", *named])
