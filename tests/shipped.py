"""The networks that ship, for tests that need one, or the names of all."""

from __future__ import annotations

from model.registry.card import CARD_FILE, INT8_FILE, read_card
from model.registry.locations import BUNDLES
from model.registry.resolution import find_bundle

NAMES = sorted(path.parent.name for path in BUNDLES.glob(f"*/{CARD_FILE}"))
LISTED = ", ".join(["default", *NAMES])

# A small one, whichever is the default.
FAST = find_bundle("fast")
FAST_CARD = read_card(FAST)
FAST_INT8 = FAST / INT8_FILE
