"""Find a model's folder by the name that somebody gives; `default` is a name too."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from model.common.errors import BundleError, StoreError, UnknownModel
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.registry.card import CARD_FILE
from model.registry.locations import BUNDLES, has_store, own_folders

DEFAULT = "photo"  # the shipped bundle that `default` names until the user chooses another


def bundle_folders() -> dict[str, Path]:
    """Return all bundles by name: the shipped ones, those trained here, then the store's models.

    A stored model is a folder here too; it is written to disk once.

    Raises:
        BundleError: The store cannot be read.
    """
    folders = own_folders()
    if has_store():
        from model.registry.materialized_models import stored_folders

        for name, folder in stored_folders().items():
            folders.setdefault(name, folder)
    return folders


def default_name(known: Container[str] | None = None) -> str:
    """Return what `default` stands for: the user's choice as long as that model exists, else the shipped one.

    Args:
        known: The names of all models, if they are known already.
    """
    if has_store():
        from model.registry.materialized_models import chosen_default

        chosen = chosen_default()
        if chosen is not None and _current_name(chosen) in (bundle_folders() if known is None else known):
            return _current_name(chosen)
    return DEFAULT


def _current_name(name: str) -> str:
    """Return plain `name` for the `name@version` that is the newest version; any other name unchanged."""
    if "@" in name and has_store():
        from model.registry.materialized_models import title_of

        return title_of(name)
    return name


def find_bundle(name: str) -> Path:
    """Return the folder of a bundle.

    Args:
        name: `default`, a name of `bundle_folders`, or a path.

    Raises:
        UnknownModel: There is no such bundle.
    """
    try:
        return find_by_name(name)
    except UnknownModel:
        if (Path(name) / CARD_FILE).is_file():
            return Path(name)
        raise


def find_own_bundle(name: str) -> Path:
    """Return the folder of a bundle that may be changed, as `find_bundle` finds it.

    Raises:
        BundleError: It ships with Vitrine, or there is no such bundle.
    """
    folder = find_bundle(name)
    if folder.resolve().parent == BUNDLES.resolve():
        raise BundleError(
            _("{name!r} ships with Vitrine and stays as it is; give the folder of a copy of it").format(name=name)
        )
    return folder


def find_by_name(name: str) -> Path:
    """Return the folder of a bundle by name; paths are not accepted, because the name may come from outside.

    Args:
        name: `default` or a name of `bundle_folders`.

    Raises:
        UnknownModel: There is no such bundle.
    """
    known = bundle_folders()
    wanted = default_name(known) if name == "default" else _current_name(name)
    if wanted in known:
        return known[wanted]
    raise UnknownModel(
        _("unknown model {name!r}; models: {names}{hint}").format(
            name=name[:80], names=", ".join(["default", *known]), hint=did_you_mean(name, known)
        )
    )


def set_default(name: str) -> None:
    """Choose what `default` stands for: any model, in the store or not.

    Raises:
        StoreError: There is no such model.
    """
    from model.registry.store import save_default

    known, name = bundle_folders(), _current_name(name)
    if name not in known:
        raise StoreError(_("unknown model {name!r}; models: {names}").format(name=name, names=", ".join(known)))
    save_default(name)
