"""A saliency map in words and as a table, for people who cannot see it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from model.explanation.saliency import region_shares
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

_ROWS = (marked("top"), marked("middle"), marked("bottom"))
_COLUMNS = (marked("at the left"), marked("in the middle"), marked("at the right"))
_NINTHS = (
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
_MAIN_SHARE = 0.5  # the share of a map that the sentence gives the places of
_MAX_NAMED = 3  # more places than these are everywhere


def describe_map(marks: np.ndarray, label: str) -> str:
    """A sentence that says where a map, float (size, size), is strongest; label: what its class is called."""
    shares = region_shares(marks).ravel()
    if not shares.any():
        return _("No part of the picture is evidence for “{label}”.").format(label=label)
    order = np.argsort(-shares, kind="stable")
    count = int(np.searchsorted(np.cumsum(shares[order]), _MAIN_SHARE)) + 1
    if count > _MAX_NAMED:
        return _("The evidence for “{label}” is spread over the whole picture.").format(label=label)
    places = ", ".join(_(_NINTHS[place]) for place in order[:count])
    return _("Most of the evidence for “{label}” is {places}.").format(label=label, places=places)


def map_table(marks: np.ndarray) -> pd.DataFrame:
    """Return the share of a map in each ninth of the picture, from top to bottom and left to right."""
    return pd.DataFrame(
        region_shares(marks), index=[_(row) for row in _ROWS], columns=[_(column) for column in _COLUMNS]
    )
