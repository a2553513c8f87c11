"""The tables of settings in the documents, written from the code: `make tables` runs this."""

from __future__ import annotations

import re

from model.common.settings import settings_table
from model.i18n.translations import use_language
from tests.documents import ROOT

TABLES = {"docs/serving.md": "en", "docs/pt/serving.md": "pt"}


def with_tables(text: str, language: str) -> str:
    """The document with every setting's row as the code has it; a row may name another variable before the setting."""
    with use_language(language):
        rows = settings_table()
    for name, meaning, default in rows:
        end = f" {meaning} | {default} |"
        text, count = re.subn(rf"(?m)^(\| (?:.*, )?`{name}` \|).*$", lambda row, end=end: row[1] + end, text)  # type: ignore[misc]
        assert count == 1, f"{name} has {count} rows in the tables of settings"
    return text


if __name__ == "__main__":
    for name, language in TABLES.items():
        path = ROOT / name
        path.write_text(with_tables(path.read_text("utf-8"), language), "utf-8")
