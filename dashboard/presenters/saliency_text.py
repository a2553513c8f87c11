"""A map of a picture in words and as a table, for those who cannot see it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from model.explanation.saliency import region_shares
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

ROWS = (marked("top"), marked("middle"), marked("bottom"))
COLUMNS = (marked("left"), marked("centre"), marked("right"))
NINTHS = (
    marked("at the upper left"),
    marked("at the top"),
    marked("at the upper right"),
    marked("at the left"),
    marked("in the middle"),
    marked("at the right"),
    marked("at the lower left"),
    marked("at the bottom"),
    marked("at the lower right"),
)
MOST = 0.5  # the share of a map that the sentence gives the places of
FEW = 3  # more places than these are everywhere


def where(marks: np.ndarray, label: str) -> str:
    """A sentence that says where a map, float (size, size), is strongest; label: what its class is called."""
    shares = region_shares(marks).ravel()
    if not shares.any():
        return _("No part of the picture speaks for “{label}”.").format(label=label)
    order = np.argsort(-shares, kind="stable")
    count = int(np.searchsorted(np.cumsum(shares[order]), MOST)) + 1
    if count > FEW:
        return _("What speaks for “{label}” is spread over the whole picture.").format(label=label)
    places = ", ".join(_(NINTHS[place]) for place in order[:count])
    return _("Most of what speaks for “{label}” stands {places}.").format(label=label, places=places)


def table(marks: np.ndarray) -> pd.DataFrame:
    """The share of a map in each ninth of the picture, top to bottom and left to right."""
    return pd.DataFrame(region_shares(marks), index=[_(row) for row in ROWS], columns=[_(column) for column in COLUMNS])
