"""What can be set from outside for all of the core."""

from __future__ import annotations

import os

from model.common.errors import SettingError
from model.i18n.translations import gettext as _


def keeps_answers() -> bool:
    """Whether answers are kept unless somebody says otherwise: VITRINE_HISTORY is 1. Raises SettingError for a typo."""
    given = os.environ.get("VITRINE_HISTORY", "0")
    if given not in ("", "0", "1"):
        raise SettingError(_("VITRINE_HISTORY is {given!r}; it can be 1, to keep answers, or 0").format(given=given))
    return given == "1"
