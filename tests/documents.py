"""The documents that people read, as the tests look through them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
# English ones by their path from the root; the Portuguese ones are their twins.
ENGLISH = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
PORTUGUESE = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.pt.md", *sorted((ROOT / "docs" / "pt").glob("*.md")))
}
TEXT = "\n".join(ENGLISH.values())


def portuguese_of(path: str) -> str:
    """Where the Portuguese twin of an English document is."""
    return "README.pt.md" if path == "README.md" else path.replace("docs/", "docs/pt/")
