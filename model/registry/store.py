"""The store: models in the database with their bytes, and which model is the default."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true, update

from model.common.errors import StoreError
from model.common.paths import home
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.registry.card import H5_FILE, KERAS_FILE, KNOWN_FILE, TFLITE_FILE, Card, FileEntry, check_name, parse_card
from model.registry.database import read_connection, write_connection
from model.registry.locations import has_store, own_folders
from model.registry.tables import MODELS, SETTINGS
from model.signature.scaling import CONFIRMED, check_scaling

UNDO_SECONDS = 24 * 3600  # how long a removed model can be brought back
FILES = {".keras": KERAS_FILE, ".h5": H5_FILE, ".tflite": TFLITE_FILE}  # suffix -> the file's name in a bundle
LISTED_COLUMNS = ("name", "version", "suffix", "bytes", "sha256", "added")
_LIVE = MODELS.c.removed.is_(None)
_CHOICE = SETTINGS.c.key == "default"


@dataclass(frozen=True)
class StoredModel:
    """A model in the database, without its bytes.

    Attributes:
        name: Its name.
        version: Its version, from 1.
        suffix: The suffix of its file, a key of FILES.
        bytes: The size of its file.
        sha256: The SHA-256 of its file.
        added: When it was added, in seconds since 1970.
        card: Its card.
        newest: Whether it is the newest version of its name.
    """

    name: str
    version: int
    suffix: str
    bytes: int
    sha256: str
    added: float
    card: Card
    newest: bool = True

    @property
    def title(self) -> str:
        """The name to ask for it by: its name, or `name@version` if there is a newer version."""
        return self.name if self.newest else f"{self.name}@{self.version}"


def list_models() -> list[StoredModel]:
    """List all models by name, the newest version of each name first.

    Raises:
        StoreError: The store cannot be read.
    """
    if not has_store():
        return []
    with read_connection() as connection:
        return live_models(connection)


def live_models(connection: Connection) -> list[StoredModel]:
    """List the models that have not been removed, like `list_models`."""
    columns = [MODELS.c[name] for name in (*LISTED_COLUMNS, "card")]
    rows = connection.execute(select(*columns).where(_LIVE).order_by(MODELS.c.name, MODELS.c.version.desc()))
    models: list[StoredModel] = []
    for row in rows:
        values = dict(row._mapping)
        newest = not models or models[-1].name != values["name"]
        models.append(StoredModel(**values | {"card": _parse_stored_card(values), "newest": newest}))
    return models


def _parse_stored_card(values: dict[str, Any]) -> Card:
    try:
        return parse_card(values["card"])
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            _("the card of {name!r} in the store is not of this version: {error}").format(
                name=values["name"], error=error
            )
        ) from error


def find_model(name: str, models: list[StoredModel] | None = None) -> StoredModel:
    """Find a stored model by `name` or `name@version`.

    Args:
        name: The name.
        models: The models to search; by default all in the store.

    Raises:
        StoreError: There is none; the message lists the names.
    """
    models = list_models() if models is None else models
    for model in models:
        if name in (model.title, f"{model.name}@{model.version}"):
            return model
    titles = [model.title for model in models]
    raise StoreError(
        _("no model {name!r} in the store; stored: {names}{hint}").format(
            name=name, names=", ".join(titles) or _("none yet"), hint=did_you_mean(name, titles)
        )
    )


def save_model(content: bytes, suffix: str, name: str, card: Card) -> tuple[StoredModel, bool]:
    """Save an inspected model; a name that the store has already gets a new version.

    Args:
        content: The bytes of its file.
        suffix: The file's suffix, a key of FILES.
        name: The name for the model.
        card: Its card.

    Returns:
        The model, and whether it is new: the same bytes are the same model.

    Raises:
        BundleError: The name cannot be used.
    """
    check_name_available(name)
    digest = hashlib.sha256(content).hexdigest()
    entry = {FILES[suffix]: FileEntry(len(content), digest)}
    with write_connection() as connection:
        _purge(connection)
        if same := [model for model in live_models(connection) if model.sha256 == digest]:
            return same[0], False
        delete_for_good(connection, MODELS.c.sha256 == digest, staying=name)  # the same model, if it was removed before
        last = connection.execute(select(func.max(MODELS.c.version)).where(MODELS.c.name == name)).scalar() or 0
        row = {"name": name, "version": last + 1, "suffix": suffix, "bytes": len(content), "sha256": digest}
        card = dataclasses.replace(card, name=name, files=entry)
        kept = {"card": dataclasses.asdict(card), "content": content, "added": time.time()}
        connection.execute(insert(MODELS).values(row | kept))
        return find_model(f"{name}@{last + 1}", live_models(connection)), True


def check_name_available(name: str) -> None:
    """Check that a name does not hide a model outside the store, or one that a run there will make.

    A name that the store has already may get another version.

    Raises:
        BundleError: It is not a valid name.
        StoreError: It is taken.
    """
    check_name(name)
    if name == "default" or name in own_folders():
        raise StoreError(
            _("{name!r} is the name of a model outside the store; choose another with --name").format(name=name)
        )
    if (home() / "runs" / name).is_dir() and name not in {model.name for model in list_models()}:
        raise StoreError(
            _(
                "there is a run {name!r}, whose network would hide the model; rename the run or choose another name"
            ).format(name=name)
        )


def load_content(sha256: str) -> bytes:
    """Load the bytes of a model's file.

    Raises:
        StoreError: The model is gone.
    """
    with read_connection() as connection:
        content = connection.execute(select(MODELS.c.content).where(MODELS.c.sha256 == sha256)).scalar()
    if content is None:
        raise StoreError(_("the model {sha256} is no longer in the store").format(sha256=sha256[:12]))
    return bytes(content)


def load_known(sha256: str) -> bytes:
    """Load the bytes of a model's known.npz, which recognizes unknown pictures.

    Raises:
        StoreError: The model is gone.
    """
    with read_connection() as connection:
        content = connection.execute(select(MODELS.c.known).where(MODELS.c.sha256 == sha256)).scalar()
    if content is None:
        raise StoreError(_("the model {sha256} is no longer in the store").format(sha256=sha256[:12]))
    return bytes(content)


def save_known(fitted: Card, content: bytes | None) -> None:
    """Save a stored model's recognition of unknown pictures.

    Args:
        fitted: The card as it was fitted, with the model's title as its name; `known`, `sets` and `outputs` are taken
            from it.
        content: The bytes of known.npz, if there is one.

    Raises:
        StoreError: The model is gone, or its network or scaling is another one by now.
    """
    with write_connection() as connection:
        models = live_models(connection)
        # Fitting takes minutes, in which a newer version may have taken the title.
        model = next((one for one in models if one.sha256 == fitted.sha256), None) or find_model(fitted.name, models)
        if model.sha256 != fitted.sha256 or model.card.scaling != fitted.scaling:
            raise StoreError(_("the model {name!r} has changed meanwhile; fit it again").format(name=fitted.name))
        files = without_known(model.card).files
        if content is not None:
            files[KNOWN_FILE] = FileEntry(len(content), hashlib.sha256(content).hexdigest())
        card = dataclasses.replace(
            model.card, known=fitted.known, outputs=fitted.outputs, sets=fitted.sets, files=files
        )
        which = update(MODELS).where(MODELS.c.sha256 == model.sha256)
        connection.execute(which.values(card=dataclasses.asdict(card), known=content))


def without_known(card: Card) -> Card:
    """Return a card without what was fitted to the network's answers."""
    files = {name: entry for name, entry in card.files.items() if name != KNOWN_FILE}
    return dataclasses.replace(card, known=None, sets=None, outputs=(), files=files)


def matching_models(name: str, models: list[StoredModel]) -> list[StoredModel]:
    """Return all versions of a name, or the one that `name@version` says.

    Raises:
        StoreError: There is none.
    """
    return [model for model in models if model.name == name] or [find_model(name, models)]


def remove_models(name: str, for_good: bool = False) -> list[StoredModel]:
    """Remove all versions of a name, or one `name@version`, and return them.

    Args:
        name: The name.
        for_good: Do not keep them for `restore_models`, which can bring them back for a day.

    Raises:
        StoreError: There is no such model.
    """
    matching_models(name, list_models())  # before a database is created
    with write_connection() as connection:
        models = matching_models(name, live_models(connection))
        when = 0.0 if for_good else time.time()
        digests = [model.sha256 for model in models]
        connection.execute(update(MODELS).where(MODELS.c.sha256.in_(digests)).values(removed=when))
        _purge(connection)
    return models


def restore_models(models: list[StoredModel]) -> None:
    """Bring removed models back.

    Raises:
        StoreError: One has been removed for good, or its name is taken now.
    """
    for name in {model.name for model in models}:
        check_name_available(name)
    with write_connection() as connection:
        for model in models:
            known = update(MODELS).where(MODELS.c.sha256 == model.sha256).values(removed=None)
            if connection.execute(known).rowcount != 1:
                raise StoreError(_("{name!r} has been removed for good; add its file again").format(name=model.name))


def _purge(connection: Connection) -> None:
    """Delete the models that were removed too long ago to be restored."""
    delete_for_good(connection, MODELS.c.removed < time.time() - UNDO_SECONDS)


def delete_for_good(connection: Connection, which: ColumnElement[bool], staying: str = "") -> None:
    """Delete models for good. If one was the default, that is forgotten: a later model of its name is another one.

    Args:
        connection: A connection for changes.
        which: The condition that selects them.
        staying: A name that gets a new model at once, and stays the default.
    """
    lost = names_in_use(connection, which)
    connection.execute(delete(MODELS).where(which))
    gone = lost - names_in_use(connection, true()) - own_folders().keys() - {staying}
    connection.execute(delete(SETTINGS).where(_CHOICE, SETTINGS.c.value.in_(gone)))


def names_in_use(connection: Connection, which: ColumnElement[bool]) -> set[str]:
    """Return all names that models have, removed ones too: `name` and `name@version`."""
    rows = connection.execute(select(MODELS.c.name, MODELS.c.version).where(which)).all()
    return {name for row in rows for name in (row.name, f"{row.name}@{row.version}")}


def rename_model(old: str, new: str) -> None:
    """Rename all versions of a model; if it is the default, it stays so.

    Raises:
        BundleError: There is no such model, or the new name cannot be used.
    """
    check_name_available(new)
    find_model(old)  # before a database is created
    with write_connection() as connection:
        models = live_models(connection)
        if any(model.name == new for model in models):
            raise StoreError(
                _("the store has a model {new!r} already; remove it first or choose another name").format(new=new)
            )
        if old not in {model.name for model in models}:
            title = find_model(old, models).title
            raise StoreError(
                _("{title!r} is one version; all versions are renamed together, by their name").format(title=title)
            )
        delete_for_good(connection, MODELS.c.name == new)  # removed models, which could only be restored
        connection.execute(update(MODELS).where(MODELS.c.name == old).values(name=new))
        _rename_default(connection, old, new)


def confirm_scaling(name: str, scaling: str = "") -> StoredModel:
    """Write on a model's card that its scaling is right, or which scaling is.

    Args:
        name: The model.
        scaling: A name of SCALINGS; empty for the one on its card.

    Returns:
        The model after the change.

    Raises:
        BundleError: There is no such scaling.
        StoreError: There is no such model.
    """
    if scaling:
        check_scaling(scaling)
    find_model(name)  # before a database is created
    with write_connection() as connection:
        model = find_model(name, live_models(connection))
        # Features and thresholds belong to the network with the scaling before.
        before = without_known(model.card) if scaling not in ("", model.card.scaling) else model.card
        card = dataclasses.replace(
            before, scaling=scaling or model.card.scaling, scaling_from=CONFIRMED, scaling_why=_("as you said")
        )
        which = update(MODELS).where(MODELS.c.sha256 == model.sha256)
        connection.execute(which.values(card=dataclasses.asdict(card)))
    return dataclasses.replace(model, card=card)


def _rename_default(connection: Connection, old: str, new: str) -> None:
    """Rename the default too, even if it is one version, unless it is a model outside the store."""
    chosen = connection.execute(select(SETTINGS.c.value).where(_CHOICE)).scalar() or ""
    name, *version = chosen.split("@")
    if name == old and chosen not in own_folders():
        connection.execute(update(SETTINGS).where(_CHOICE).values(value="@".join([new, *version])))


def save_default(name: str) -> None:
    """Save what `default` stands for.

    Raises:
        StoreError: The store cannot be written.
    """
    with write_connection() as connection:
        connection.execute(delete(SETTINGS).where(_CHOICE))
        connection.execute(insert(SETTINGS).values(key="default", value=name))
