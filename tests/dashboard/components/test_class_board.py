from __future__ import annotations

import json
import re

from benchmarks.servers import ROOT
from model.images import image_files

SCRIPT = (ROOT / "dashboard" / "components" / "class_board.js").read_text("utf-8")


def test_the_page_passes_over_the_files_that_a_folder_s_reader_passes_over() -> None:
    listed = re.search(r"LEFTOVERS = new Set\((\[.*?\])\)", SCRIPT, re.DOTALL)
    assert listed and set(json.loads(listed[1])) == image_files._LEFTOVERS


def test_a_folder_has_the_name_under_which_the_server_keeps_its_class() -> None:
    assert 'className = (name) => name.trim().replace(/\\s+/g, " ").normalize("NFC")' in SCRIPT
    assert "byClass.set(name," in SCRIPT and "const name = className(path.at(-1))" in SCRIPT
