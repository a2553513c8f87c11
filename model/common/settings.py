"""Settings of the core that come from the environment."""

from __future__ import annotations

import os

from model.common.errors import SettingError
from model.i18n.translations import gettext as _


def history_enabled() -> bool:
    """Return whether predictions are saved by default: VITRINE_HISTORY is 1.

    Raises:
        SettingError: VITRINE_HISTORY is neither 0 nor 1.
    """
    given = os.environ.get("VITRINE_HISTORY", "0")
    if given not in ("", "0", "1"):
        raise SettingError(_("VITRINE_HISTORY is {given!r}; it can be 1, to keep answers, or 0").format(given=given))
    return given == "1"
