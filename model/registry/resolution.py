"""From the name that somebody gives to the folder of a model; `default` is a name too."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from model.common.errors import StoreError, UnknownModel
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.registry.card import CARD_FILE
from model.registry.locations import has_store, own_folders

DEFAULT = "best"  # the shipped bundle that `default` names until the user chooses another


def bundle_folders() -> dict[str, Path]:
    """Every bundle by name, as things stand now: the shipped ones, those trained here, then the store's models.

    A stored model is a folder here too, written out once. Raises BundleError when the store cannot be read.
    """
    folders = own_folders()
    if has_store():
        from model.registry.materialized_models import stored_folders

        for name, folder in stored_folders().items():
            folders.setdefault(name, folder)
    return folders


def default_name(known: Container[str] | None = None) -> str:
    """What `default` stands for: the user's choice while there is a model of that name, else the shipped one."""
    if has_store():
        from model.registry.materialized_models import chosen_default

        chosen = chosen_default()
        if chosen is not None and current_name(chosen) in (bundle_folders() if known is None else known):
            return current_name(chosen)
    return DEFAULT


def current_name(name: str) -> str:
    """`name@version` is plain `name` while it is the newest version; any other name stays as it is."""
    if "@" in name and has_store():
        from model.registry.materialized_models import title_of

        return title_of(name)
    return name


def find_bundle(name: str) -> Path:
    """The folder of a bundle: `default`, a name of `bundle_folders`, or a path. Raises UnknownModel."""
    try:
        return find_named(name)
    except UnknownModel:
        if (Path(name) / CARD_FILE).is_file():
            return Path(name)
        raise


def find_named(name: str) -> Path:
    """The folder of `default` or of a bundle's name, never a path: for names from outside. Raises UnknownModel."""
    known = bundle_folders()
    wanted = default_name(known) if name == "default" else current_name(name)
    if wanted in known:
        return known[wanted]
    raise UnknownModel(
        _("unknown model {name!r}; models: {names}{hint}").format(
            name=name[:80], names=", ".join(["default", *known]), hint=did_you_mean(name, known)
        )
    )


def set_default(name: str) -> None:
    """Choose what `default` stands for: any model, in the store or not. Raises StoreError for an unknown one."""
    from model.registry.store import keep_default

    known, name = bundle_folders(), current_name(name)
    if name not in known:
        raise StoreError(_("unknown model {name!r}; models: {names}").format(name=name, names=", ".join(known)))
    keep_default(name)
