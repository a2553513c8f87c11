"""The networks that ship, for tests that need one, or the names of all."""

from __future__ import annotations

from model.registry.card import CARD_FILE, INT8_FILE, read_card
from model.registry.locations import BUNDLES
from model.registry.resolution import find_bundle
from model.registry.store import without_known

NAMES = sorted(path.parent.name for path in BUNDLES.glob(f"*/{CARD_FILE}"))
LISTED = ", ".join(["default", *NAMES])

# A small one, whichever is the default; its card as of a network of somebody's that cannot tell unknown pictures.
FAST = find_bundle("fast")
FAST_CARD = without_known(read_card(FAST))
FAST_INT8 = FAST / INT8_FILE
